// node pg through the pooler: node node_pg.js PORT USER PASSWORD DATABASE NAMED
const assert = require("assert");
const { Client, Pool } = require("pg");

const [port, user, password, database, named] = process.argv.slice(2);
const where = { host: "127.0.0.1", port: Number(port), user, password, database };

async function main() {
  const db = new Client(where);
  await db.connect();
  assert.equal((await db.query("select 1 + 1 as two")).rows[0].two, 2);
  for (let i = 0; i < 5; i++) {
    const query = { text: "select $1::int * 2 as x", values: [i] };
    if (named === "named") query.name = "doubled";
    assert.equal((await db.query(query)).rows[0].x, 2 * i);
  }
  console.log("ok queries");
  // Sent without waiting: the driver queues, the answers keep their order.
  const many = await Promise.all(
    [...Array(50).keys()].map((i) => db.query("select $1::int as x", [i])));
  assert.deepEqual(many.map((r) => r.rows[0].x), [...Array(50).keys()]);
  console.log("ok many at once");
  await db.query("begin");
  await assert.rejects(db.query("select 1/0"), { code: "22012" });
  await db.query("rollback");
  assert.equal((await db.query("select 'on' as x")).rows[0].x, "on");
  console.log("ok error");
  await db.end();
  const pool = new Pool({ ...where, max: 4 });
  const rows = await Promise.all([...Array(200).keys()].map((i) =>
    pool.query("select $1::int as x, pg_sleep(0.002)", [i])));
  assert.deepEqual(rows.map((r) => r.rows[0].x), [...Array(200).keys()]);
  await pool.end();
  console.log("ok pool");
}
main().catch((why) => { console.error(why); process.exit(1); });
