"""SQLAlchemy, core and ORM. VARIANT: the driver below it."""

import asyncio
import sys

import sqlalchemy
from matrix import Where, attempt, main, show
from sqlalchemy import Column, ForeignKey, Integer, String, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.orm import Session, declarative_base, relationship


def url(where, driver: str) -> URL:
    return URL.create(f"postgresql+{driver}", where.user, where.password, "127.0.0.1",
                      where.port, where.database)


def models(s: str):
    base = declarative_base()

    class Author(base):
        __tablename__ = "authors"
        __table_args__ = {"schema": s}
        id = Column(Integer, primary_key=True)
        name = Column(String)
        books = relationship("Book", back_populates="author")

    class Book(base):
        __tablename__ = "books"
        __table_args__ = {"schema": s}
        id = Column(Integer, primary_key=True)
        title = Column(String)
        author_id = Column(ForeignKey(f"{s}.authors.id"))
        author = relationship("Author", back_populates="books")

    return base, Author, Book


def orm(db, author_class, book_class):
    got = []
    for number in range(8):
        author = author_class(name=f"author {number}")
        author.books = [book_class(title=f"book {n}") for n in range(3)]
        db.add(author)
        db.flush()
        db.commit()
        author.name += "!"
        db.commit()
        got.append(db.query(book_class).join(author_class)
                   .filter(author_class.name == f"author {number}!").count())
    db.delete(db.query(book_class).order_by(book_class.id).first())
    db.commit()
    return got, db.query(book_class).count()


def synchronous(where, worker: int, s: str):
    engine = create_engine(url(where, "psycopg2"), pool_size=1, max_overflow=0)
    base, author_class, book_class = models(s)
    with engine.begin() as db:
        db.execute(text(f"drop schema if exists {s} cascade"))
        db.execute(text(f"create schema {s}"))

    def tables():
        base.metadata.create_all(engine)
        return sorted(sqlalchemy.inspect(engine).get_table_names(schema=s))

    def unit_of_work():
        with Session(engine) as db:
            return orm(db, author_class, book_class)

    def streaming():
        with engine.connect() as db:
            rows = db.execution_options(stream_results=True, max_row_buffer=20).execute(
                text("select g from generate_series(1, 300) g"))
            return sum(row[0] for row in rows)

    def savepoints():
        with Session(engine) as db:
            db.add(author_class(id=1000, name="kept"))
            try:
                with db.begin_nested():
                    db.add(author_class(id=1000, name="twice"))
            except sqlalchemy.exc.IntegrityError:
                pass
            db.commit()
            return db.get(author_class, 1000).name

    def isolation():
        with engine.connect().execution_options(isolation_level="SERIALIZABLE") as db:
            one = db.execute(text("show transaction_isolation")).scalar()
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            two = db.execute(text("show transaction_isolation")).scalar()
        with engine.connect() as db:
            return one, two, db.execute(text("show transaction_isolation")).scalar()

    def settings_on_connect():
        other = create_engine(url(where, "psycopg2"), pool_size=1)

        @event.listens_for(other, "connect")
        def on_connect(connection, _):
            with connection.cursor() as cursor:
                cursor.execute(f"set search_path = {s}")
            connection.commit()

        got = []
        for _ in range(3):
            with other.connect() as db:
                got.append(db.execute(text("select count(*) > 0 from authors")).scalar())
        other.dispose()
        return got

    for feature in (tables, unit_of_work, streaming, savepoints, isolation,
                    settings_on_connect):
        attempt(worker, feature.__name__, feature)
    engine.dispose()
    return "good"


async def asynchronous(where, worker: int):
    from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
    s = f"m_sqlalchemy_async_{worker}"
    engine = create_async_engine(url(where, "asyncpg"), pool_size=1, max_overflow=0)
    base, author_class, book_class = models(s)
    async with engine.begin() as db:
        await db.execute(text(f"drop schema if exists {s} cascade"))
        await db.execute(text(f"create schema {s}"))

    async def tables():
        async with engine.begin() as db:
            await db.run_sync(base.metadata.create_all)
            names = await db.run_sync(
                lambda c: sqlalchemy.inspect(c).get_table_names(schema=s))
        return sorted(names)

    async def unit_of_work():
        async with AsyncSession(engine, expire_on_commit=False) as db:
            return await db.run_sync(lambda one: orm(one, author_class, book_class))

    async def streaming():
        async with engine.connect() as db:
            rows = await db.stream(text("select g from generate_series(1, 300) g"))
            return sum([row[0] async for row in rows])

    async def isolation():
        async with engine.connect() as db:
            db = await db.execution_options(isolation_level="SERIALIZABLE")
            return (await db.execute(text("show transaction_isolation"))).scalar()

    for feature in (tables, unit_of_work, streaming, isolation):
        try:
            show(worker, feature.__name__, await asyncio.wait_for(feature(), 60))
        except Exception as why:  # A driver's error is an answer too.
            show(worker, feature.__name__, f"{type(why).__name__}: {why}")
    await engine.dispose()
    show(worker, "connection", "good")


async def all_asynchronous():
    where = Where(sys.argv)
    await asyncio.gather(*(asynchronous(where, worker)
                           for worker in range(where.workers)))


if Where(sys.argv).variant == "asyncpg":
    asyncio.run(all_asynchronous())
else:
    main(synchronous)
