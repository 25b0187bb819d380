import java.io.StringReader;
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;

/** JDBC through the pooler: java -cp postgresql.jar Jdbc.java URL USER PASSWORD THRESHOLD */
class Jdbc {
  static void check(boolean holds, String what) {
    if (!holds) {
      throw new AssertionError(what);
    }
    System.out.println("ok " + what);
  }

  public static void main(String[] args) throws Exception {
    var properties = new Properties();
    properties.setProperty("user", args[1]);
    properties.setProperty("password", args[2]);
    properties.setProperty("prepareThreshold", args[3]);
    try (var db = DriverManager.getConnection(args[0], properties)) {
      try (var s = db.createStatement(); var r = s.executeQuery("select 1 + 1")) {
        check(r.next() && r.getInt(1) == 2, "statement");
      }
      try (var s = db.createStatement()) {
        s.execute("drop table if exists jdbc_t");
        s.execute("create table jdbc_t (id int, word text)");
      }
      for (int i = 0; i < 8; i++) { // Past the threshold: named statements.
        try (var s = db.prepareStatement("select ?::int * 2, ?::text")) {
          s.setInt(1, i);
          s.setString(2, "word " + i);
          try (var r = s.executeQuery()) {
            check(r.next() && r.getInt(1) == 2 * i, "prepared " + i);
          }
        }
      }
      try (var s = db.prepareStatement("insert into jdbc_t values (?, ?)")) {
        for (int i = 0; i < 500; i++) {
          s.setInt(1, i);
          s.setString(2, "w" + i);
          s.addBatch();
        }
        check(s.executeBatch().length == 500, "batch");
      }
      db.setAutoCommit(false);
      try (var s = db.createStatement()) {
        s.setFetchSize(50); // A portal with a row limit.
        int seen = 0;
        try (var r = s.executeQuery("select id from jdbc_t order by id")) {
          while (r.next()) {
            seen += r.getInt(1) == seen ? 1 : -1000;
          }
        }
        check(seen == 500, "cursor");
      }
      try (var s = db.createStatement()) {
        s.execute("insert into jdbc_t values (1000, 'undone')");
        db.rollback();
        Savepoint before = db.setSavepoint();
        try {
          s.execute("select 1/0");
          check(false, "division by zero is an error");
        } catch (SQLException e) {
          check("22012".equals(e.getSQLState()), "sqlstate of an error");
        }
        db.rollback(before);
        try (var r = s.executeQuery("select count(*) from jdbc_t")) {
          check(r.next() && r.getInt(1) == 500, "rollback and savepoint");
        }
      }
      var copy = db.unwrap(PGConnection.class).getCopyAPI();
      check(copy.copyIn("copy jdbc_t from stdin", new StringReader("7\tx\n8\ty\n")) == 2,
            "copy in");
      var out = new StringWriter();
      copy.copyOut("copy (select id from jdbc_t where word in ('x', 'y') order by 1)"
                   + " to stdout", out);
      check(out.toString().equals("7\n8\n"), "copy out");
      db.commit();
      var large = db.unwrap(PGConnection.class).getLargeObjectAPI(); // FunctionCall.
      long oid = large.createLO();
      var object = large.open(oid);
      object.write("large".getBytes());
      object.seek(0);
      check(new String(object.read(5)).equals("large"), "large object");
      object.close();
      large.delete(oid);
      db.commit();
      db.setAutoCommit(true);
      try (var s = db.createStatement()) {
        s.setQueryTimeout(1);
        try {
          s.execute("select pg_sleep(30)");
          check(false, "a timeout cancels");
        } catch (SQLException e) {
          check("57014".equals(e.getSQLState()), "cancel");
        }
        s.setQueryTimeout(0);
        s.execute("drop table jdbc_t");
      }
    }
  }
}
