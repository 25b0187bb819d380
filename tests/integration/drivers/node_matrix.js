// The frame of the node programs of the driver matrix, and the programs:
// node node_matrix.js PORT USER PASSWORD DATABASE WORKERS pg|postgres|knex|kysely
const [port, user, password, database, workers, variant] = process.argv.slice(2);
const where = { host: "127.0.0.1", port: Number(port), user, password, database };
if (process.env.PGSSLMODE === "require") where.ssl = { rejectUnauthorized: false };

function show(worker, feature, result) {
  const text = typeof result === "string" ? result : JSON.stringify(result);
  console.log(`${worker}\t${feature}\t${text.replace(/\n/g, "\\n")}`);
}

async function attempt(worker, features) {
  for (const [feature, act] of Object.entries(features)) {
    try {
      show(worker, feature, (await Promise.race([act(), late()])) ?? null);
    } catch (why) { // A driver's error is an answer too.
      show(worker, feature, `${why.name} ${why.code}: ${why.message}`);
    }
  }
}

const late = () => new Promise((_, fail) => {
  setTimeout(() => fail(new Error("no answer")), 20000).unref();
});

const tenTimes = [...Array(10).keys()];
// A rejected promise as its SQLSTATE, so that a failure is comparable.
const code = (promise) => promise.then(() => "no error", (why) => why.code);

async function withPg(worker, s) {
  const { Client, Pool } = require("pg");
  const db = new Client(where);
  await db.connect();
  const value = async (sql, values) => Object.values((await db.query(sql, values)).rows[0])[0];
  await db.query(`drop schema if exists ${s} cascade; create schema ${s};
    create table ${s}.t (id int primary key, word text, doc jsonb)`);
  await attempt(worker, {
    unnamed: async () => {
      const got = [];
      for (const i of tenTimes) got.push(await value("select $1::int * 2", [i]));
      return got;
    },
    named: async () => {
      const got = [];
      for (const i of tenTimes) {
        const query = { name: "doubled", text: "select $1::int * 2 as x", values: [i] };
        got.push((await db.query(query)).rows[0].x);
      }
      return got;
    },
    queued: async () => (await Promise.all(tenTimes.map((i) =>
      db.query({ name: `n${i % 3}`, text: `select $1::int + ${i % 3} as x`, values: [i] }))))
      .map((r) => r.rows[0].x),
    several_statements: async () =>
      (await db.query("select 1 as a; select 2 as b")).map((r) => r.rows[0]),
    transaction: async () => {
      await db.query("begin");
      await db.query(`insert into ${s}.t values ($1, $2, $3)`, [1, "one", { a: [1] }]);
      await db.query("savepoint s");
      const failed = await code(db.query("select 1/0"));
      await db.query("rollback to s");
      await db.query("commit");
      return [failed, (await db.query(`select * from ${s}.t`)).rows];
    },
    error_in_named: async () => {
      const bad = () => code(db.query({ name: "bad", text: "select 1/$1::int", values: [0] }));
      return [await bad(), await bad(), await value("select 'on'")];
    },
    error_in_parse: async () => {
      const bad = () => code(db.query({ name: "nope", text: "select nowhere" }));
      return [await bad(), await bad(), await value("select 'on'")];
    },
    settings: async () => {
      await db.query("set timezone = 'Asia/Tokyo'");
      await db.query(`set search_path = ${s}`);
      return [await value("show timezone"), await value("select count(*)::int from t")];
    },
    listen: async () => {
      const heard = new Promise((done) => db.once("notification", (n) => done(n.payload)));
      await db.query(`listen pg_${worker}`);
      await db.query(`notify pg_${worker}, 'hello'`);
      const payload = await heard;
      await db.query("unlisten *");
      return payload;
    },
    large: async () => (await value("select $1::text", ["x".repeat(300000)])).length,
    pool: async () => {
      if (workers !== "1") return "only alone";
      const pool = new Pool({ ...where, max: 3 });
      const rows = await Promise.all([...Array(40).keys()].map((i) => pool.query(
        { name: "shared name", text: "select $1::int as x", values: [i] })));
      await pool.end();
      return rows.map((r) => r.rows[0].x);
    },
  });
  await db.end();
}

async function withPostgresJs(worker, s) {
  const postgres = require("postgres");
  const sql = postgres({ ...where, max: 1, onnotice: () => {}, idle_timeout: 0 });
  await sql.unsafe(`drop schema if exists ${s} cascade; create schema ${s};
    create table ${s}.t (id int primary key, word text)`);
  const t = sql(`${s}.t`);
  await attempt(worker, {
    queries: async () => {
      const got = [];
      for (const i of tenTimes) got.push((await sql`select ${i}::int * 2 as x`)[0].x);
      return got;
    },
    pipelined: async () =>
      (await Promise.all(tenTimes.map((i) => sql`select ${i}::int as x, ${"w"} as w`)))
        .map((r) => r[0].x),
    insert: async () =>
      (await sql`insert into ${t} ${sql([...Array(200).keys()].map((id) =>
        ({ id, word: `w${id}` })))} returning id`).length,
    begin: () => sql.begin(async (tx) => {
      await tx`insert into ${t} values (1000, 'kept')`;
      const failed = await code(tx.savepoint((sp) => sp`select 1/0`));
      return [failed, (await tx`select word from ${t} where id = 1000`)[0].word];
    }),
    begin_pipelined: () => sql.begin((tx) => [
      tx`select 1 as a`, tx`select ${2}::int as b`, tx`select ${"c"} as c`]),
    begin_fails: () => code(sql.begin((tx) => tx`insert into ${t} values (1, 'twice')`)),
    cursor: async () => {
      let rows = 0;
      await sql`select g from generate_series(1, 95) g`.cursor(10, (some) => {
        rows += some.length;
      });
      return rows;
    },
    copy_in: async () => {
      const writable = await sql`copy ${t} from stdin`.writable();
      await new Promise((done, fail) => {
        writable.on("finish", done).on("error", fail);
        for (let i = 2000; i < 2500; i++) writable.write(`${i}\tcopied\n`);
        writable.end();
      });
      return (await sql`select count(*)::int as n from ${t} where word = 'copied'`)[0].n;
    },
    copy_out: async () => {
      const readable = await sql`copy (select id from ${t} where id < 5 order by id) to stdout`
        .readable();
      let text = "";
      for await (const chunk of readable) text += chunk;
      return text;
    },
    errors: async () => [await code(sql`select 1/${0}::int`), await code(sql`select nowhere`),
      await code(sql`select 1/${0}::int`), (await sql`select 'on' as x`)[0].x],
    describe: async () =>
      (await sql`select id, word from ${t} where id = ${1}`.describe()).columns.map((c) => c.name),
    settings: async () => {
      await sql`set timezone = 'Asia/Tokyo'`;
      return (await sql`show timezone`)[0];
    },
    simple: async () => (await sql.unsafe("select 1 as a; select 2 as b")).map((r) => r[0]),
    listen: async () => {
      // A listening connection of its own keeps a server, one per worker.
      if (workers !== "1") return "only alone";
      let heard;
      const payload = new Promise((done) => { heard = done; });
      const { unlisten } = await sql.listen(`pj_${worker}`, heard);
      await sql.notify(`pj_${worker}`, "hello");
      const got = await payload;
      await unlisten();
      return got;
    },
  });
  await sql.end({ timeout: 5 });
}

async function withKnex(worker, s) {
  const db = require("knex")({ client: "pg", connection: where, searchPath: [s, "public"],
    pool: { min: 1, max: 1 } });
  await db.raw(`drop schema if exists ${s} cascade`);
  await db.raw(`create schema ${s}`);
  await attempt(worker, {
    schema: async () => {
      await db.schema.createTable("things", (table) => {
        table.increments("id");
        table.string("name").unique();
        table.integer("amount");
      });
      return db.schema.hasTable("things");
    },
    insert: () => db("things").insert(tenTimes.map((n) => ({ name: `n${n}`, amount: n })))
      .returning("id"),
    select: () => db("things").where("amount", ">", 5).orderBy("id").select("name", "amount"),
    batch: async () => (await db.batchInsert("things", [...Array(100).keys()].map((n) =>
      ({ name: `b${n}`, amount: n })), 30).returning("id")).length,
    transaction: () => db.transaction(async (tx) => {
      await tx("things").insert({ name: "kept", amount: 1 });
      const failed = await code(tx.transaction((inner) =>
        inner("things").insert({ name: "kept", amount: 2 })));
      return [failed, await tx("things").where({ name: "kept" }).pluck("amount")];
    }),
    rollback: async () => [await db.transaction(async (tx) => {
      await tx("things").delete();
      throw new Error("no");
    }).catch((why) => why.message), await db("things").count()],
    columns: () => db("things").columnInfo().then((c) => Object.keys(c).sort()),
    errors: async () => [await code(db.raw("select 1/0")), await code(db("nowhere")),
      (await db.raw("select 'on' as x")).rows[0].x],
  });
  await db.destroy();
}

async function withKysely(worker, s) {
  const { Kysely, PostgresDialect, sql } = require("kysely");
  const { Pool } = require("pg");
  const base = new Kysely({ dialect: new PostgresDialect({ pool: new Pool({ ...where, max: 1 }) }) });
  await sql`drop schema if exists ${sql.id(s)} cascade`.execute(base);
  await base.schema.createSchema(s).execute();
  const db = base.withSchema(s);
  await attempt(worker, {
    schema: async () => {
      await db.schema.createTable("things").addColumn("id", "serial", (c) => c.primaryKey())
        .addColumn("name", "text").execute();
      return (await base.introspection.getTables()).filter((t) => t.schema === s)
        .map((t) => t.columns.map((c) => c.name));
    },
    insert: async () => (await db.insertInto("things")
      .values(tenTimes.map((n) => ({ name: `n${n}` }))).returning("id").execute()).length,
    select: () => db.selectFrom("things").selectAll().where("id", "<", 4).orderBy("id").execute(),
    transaction: () => db.transaction().setIsolationLevel("serializable").execute(async (tx) => {
      await tx.updateTable("things").set({ name: "changed" }).where("id", "=", 1).execute();
      return tx.selectFrom("things").select("name").where("id", "=", 1).executeTakeFirst();
    }),
    rollback: async () => [await db.transaction().execute(async (tx) => {
      await tx.deleteFrom("things").execute();
      await sql`select 1/0`.execute(tx);
    }).catch((why) => why.code), (await db.selectFrom("things").selectAll().execute()).length],
  });
  await base.destroy();
}

const programs = { pg: withPg, postgres: withPostgresJs, knex: withKnex, kysely: withKysely };

async function main() {
  await Promise.all([...Array(Number(workers)).keys()].map(async (worker) => {
    await programs[variant](worker, `m_${variant}_${worker}`);
    show(worker, "connection", "good");
  }));
}

setTimeout(() => { console.error("does not end"); process.exit(3); }, 80000).unref();
main().then(() => process.exit(0), (why) => { console.error(why); process.exit(1); });
