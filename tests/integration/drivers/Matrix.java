import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.*;
import java.util.concurrent.Callable;
import org.postgresql.PGConnection;

/** JDBC in the driver matrix: Matrix PORT USER PASSWORD DATABASE WORKERS VARIANT, where the variant
 *  is `default` or properties as a=b,c=d. */
class Matrix {
  static synchronized void show(int worker, String feature, Object result) {
    System.out.println(worker + "\t" + feature + "\t" + String.valueOf(result).replace("\n", "\\n"));
  }

  static void attempt(int worker, String feature, Callable<Object> act) {
    try {
      show(worker, feature, act.call());
    } catch (SQLException e) { // A driver's error is an answer too.
      show(worker, feature, e.getSQLState() + ": " + e.getMessage());
    } catch (Exception e) {
      show(worker, feature, e.toString());
    }
  }

  static String state(Callable<Object> act) throws Exception {
    try {
      return String.valueOf(act.call());
    } catch (SQLException e) {
      return e.getSQLState();
    }
  }

  static Object one(Connection db, String sql) throws SQLException {
    try (var s = db.createStatement(); var r = s.executeQuery(sql)) {
      return r.next() ? r.getObject(1) : null;
    }
  }

  static void run(Connection db, String sql) throws SQLException {
    try (var s = db.createStatement()) {
      s.execute(sql);
    }
  }

  final int worker;
  final String schema;
  final Connection db;

  Matrix(int worker, Connection db) {
    this.worker = worker;
    this.schema = "m_jdbc_" + worker;
    this.db = db;
  }

  Object prepared() throws Exception {
    var got = new ArrayList<Object>();
    for (int i = 0; i < 12; i++) {
      try (var s = db.prepareStatement("select ?::int * 2, ?::text")) {
        s.setInt(1, i);
        s.setString(2, "w");
        try (var r = s.executeQuery()) {
          r.next();
          got.add(r.getInt(1));
        }
      }
    }
    return got;
  }

  Object typesChange() throws Exception {
    var got = new ArrayList<Object>();
    try (var s = db.prepareStatement("select pg_typeof(?)::text")) {
      for (int i = 0; i < 8; i++) {
        if (i % 2 == 0) {
          s.setInt(1, i);
        } else {
          s.setDouble(1, i);
        }
        try (var r = s.executeQuery()) {
          r.next();
          got.add(r.getString(1));
        }
      }
    }
    return got;
  }

  Object batch() throws Exception {
    try (var s = db.prepareStatement("insert into " + schema + ".t values (?, ?)")) {
      for (int i = 0; i < 600; i++) {
        s.setInt(1, i);
        s.setString(2, "w" + i);
        s.addBatch();
      }
      return s.executeBatch().length + " " + one(db, "select sum(id) from " + schema + ".t");
    }
  }

  Object batchFails() throws Exception {
    try (var s = db.prepareStatement("insert into " + schema + ".t values (?, 'x')")) {
      for (int i : new int[] {5000, 1, 5001}) {
        s.setInt(1, i);
        s.addBatch();
      }
      return state(() -> s.executeBatch().length) + " "
          + one(db, "select count(*) from " + schema + ".t where id >= 5000");
    }
  }

  Object generatedKeys() throws Exception {
    run(db, "create table " + schema + ".g (id serial primary key, w text)");
    try (var s = db.prepareStatement("insert into " + schema + ".g (w) values (?)",
        Statement.RETURN_GENERATED_KEYS)) {
      for (int i = 0; i < 5; i++) {
        s.setString(1, "x");
        s.addBatch();
      }
      s.executeBatch();
      int sum = 0;
      try (var r = s.getGeneratedKeys()) {
        while (r.next()) {
          sum += r.getInt(1);
        }
      }
      return sum;
    }
  }

  Object fetchSize() throws Exception {
    db.setAutoCommit(false);
    int seen = 0;
    for (int turn = 0; turn < 3; turn++) { // A named statement with a named portal.
      try (var s = db.prepareStatement("select id from " + schema + ".t where id >= ? order by id")) {
        s.setInt(1, 0);
        s.setFetchSize(50);
        try (var r = s.executeQuery()) {
          while (r.next()) {
            seen++;
            if (seen % 200 == 0) {
              one(db, "select 1"); // Something else between two fetches.
            }
          }
        }
      }
    }
    db.commit();
    db.setAutoCommit(true);
    return seen;
  }

  Object savepoints() throws Exception {
    db.setAutoCommit(false);
    run(db, "insert into " + schema + ".t values (7000, 'kept')");
    var before = db.setSavepoint();
    var failed = state(() -> one(db, "select 1/0"));
    db.rollback(before);
    var named = db.setSavepoint("named one");
    run(db, "insert into " + schema + ".t values (7001, 'lost')");
    db.rollback(named);
    db.commit();
    db.setAutoCommit(true);
    return failed + one(db, "select count(*) from " + schema + ".t where id >= 7000");
  }

  Object errors() throws Exception {
    var got = new ArrayList<Object>();
    for (int i = 0; i < 7; i++) {
      int n = i;
      got.add(state(() -> {
        try (var s = db.prepareStatement("select 10 / ?::int")) {
          s.setInt(1, n % 2);
          try (var r = s.executeQuery()) {
            r.next();
            return r.getInt(1);
          }
        }
      }));
    }
    return got;
  }

  Object copy() throws Exception {
    var api = db.unwrap(PGConnection.class).getCopyAPI();
    long in = api.copyIn("copy " + schema + ".t from stdin", new StringReader("8000\tx\n8001\ty\n"));
    var failed = state(() -> api.copyIn("copy " + schema + ".t from stdin",
        new StringReader("not a number\tx\n")));
    var out = new StringWriter();
    api.copyOut("copy (select id from " + schema + ".t where id between 8000 and 8999 order by 1) to "
        + "stdout", out);
    return in + failed + out;
  }

  Object largeObject() throws Exception {
    db.setAutoCommit(false);
    var api = db.unwrap(PGConnection.class).getLargeObjectAPI();
    long oid = api.createLO();
    var object = api.open(oid);
    object.write("large".getBytes());
    object.seek(0);
    var got = new String(object.read(5)) + object.size();
    object.close();
    api.delete(oid);
    db.commit();
    db.setAutoCommit(true);
    return got;
  }

  Object metadata() throws Exception {
    var got = new TreeSet<String>();
    try (var r = db.getMetaData().getColumns(null, schema, "t", null)) {
      while (r.next()) {
        got.add(r.getString("COLUMN_NAME") + " " + r.getString("TYPE_NAME"));
      }
    }
    try (var r = db.getMetaData().getPrimaryKeys(null, schema, "t")) {
      while (r.next()) {
        got.add("key " + r.getString("COLUMN_NAME"));
      }
    }
    try (var s = db.prepareStatement("select * from " + schema + ".t where id = ?")) {
      got.add("columns " + s.getMetaData().getColumnCount()
          + " values " + s.getParameterMetaData().getParameterTypeName(1));
    }
    return got;
  }

  Object settings() throws Exception {
    db.setSchema(schema);
    run(db, "set timezone = 'Asia/Tokyo'");
    var got = one(db, "select count(*) > 0 from t") + " " + one(db, "show timezone") + " "
        + schema.equals(db.getSchema());
    db.setSchema("public");
    return got;
  }

  Object readOnly() throws Exception {
    db.setReadOnly(true);
    db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
    db.setAutoCommit(false);
    var got = one(db, "show transaction_read_only") + " " + one(db, "show transaction_isolation");
    db.commit();
    db.setAutoCommit(true);
    db.setReadOnly(false);
    db.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
    return got + " " + one(db, "show default_transaction_isolation");
  }

  Object changedTable() throws Exception {
    run(db, "create table " + schema + ".c (a int)");
    run(db, "insert into " + schema + ".c values (1)");
    int columns = 0;
    for (int i = 0; i < 9; i++) {
      if (i == 7) {
        run(db, "alter table " + schema + ".c add column b int");
      }
      try (var s = db.prepareStatement("select * from " + schema + ".c"); var r = s.executeQuery()) {
        columns += r.getMetaData().getColumnCount();
      }
    }
    return columns;
  }

  Object notifications() throws Exception {
    run(db, "listen jdbc_" + worker);
    run(db, "notify jdbc_" + worker + ", 'hello'");
    var notes = db.unwrap(PGConnection.class).getNotifications(5000);
    run(db, "unlisten *");
    return notes == null ? "nothing" : notes[0].getParameter();
  }

  Object cancel() throws Exception {
    try (var s = db.createStatement()) {
      s.setQueryTimeout(1);
      return state(() -> s.execute("select pg_sleep(30)")) + one(db, "select 'on'");
    }
  }

  void all() throws Exception {
    run(db, "drop schema if exists " + schema + " cascade");
    run(db, "create schema " + schema);
    run(db, "create table " + schema + ".t (id int primary key, word text)");
    attempt(worker, "prepared", this::prepared);
    attempt(worker, "types_change", this::typesChange);
    attempt(worker, "batch", this::batch);
    attempt(worker, "batch_fails", this::batchFails);
    attempt(worker, "generated_keys", this::generatedKeys);
    attempt(worker, "fetch_size", this::fetchSize);
    attempt(worker, "savepoints", this::savepoints);
    attempt(worker, "errors", this::errors);
    attempt(worker, "copy", this::copy);
    attempt(worker, "large_object", this::largeObject);
    attempt(worker, "metadata", this::metadata);
    attempt(worker, "settings", this::settings);
    attempt(worker, "read_only", this::readOnly);
    attempt(worker, "changed_table", this::changedTable);
    attempt(worker, "notifications", this::notifications);
    attempt(worker, "cancel", this::cancel);
  }

  public static void main(String[] args) throws Exception {
    var threads = new ArrayList<Thread>();
    for (int i = 0; i < Integer.parseInt(args[4]); i++) {
      int worker = i;
      var thread = new Thread(() -> attempt(worker, "connection", () -> {
        var properties = new Properties();
        properties.setProperty("user", args[1]);
        properties.setProperty("password", args[2]);
        if (!args[5].equals("default")) {
          for (String one : args[5].split(",")) {
            properties.setProperty(one.split("=")[0], one.split("=")[1]);
          }
        }
        try (var db = DriverManager.getConnection(
            "jdbc:postgresql://127.0.0.1:" + args[0] + "/" + args[3], properties)) {
          new Matrix(worker, db).all();
        }
        return "good";
      }));
      thread.setDaemon(true);
      thread.start();
      threads.add(thread);
    }
    for (var thread : threads) {
      thread.join(80000);
      if (thread.isAlive()) {
        System.err.println("a worker does not end");
        System.exit(3);
      }
    }
  }
}
