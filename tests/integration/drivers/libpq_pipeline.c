/* libpq's pipeline mode in the driver matrix: PORT USER PASSWORD DATABASE WORKERS
   VARIANT. One process per worker. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int worker;

/* Everything up to and with the Sync, in one line. */
static void until_sync(PGconn* db, const char* feature) {
  char line[8192] = "";
  for (;;) {
    PGresult* got = PQgetResult(db);
    if (!got) { /* The end of one query's results; two of them, of all. */
      if (PQpipelineStatus(db) == PQ_PIPELINE_OFF || PQstatus(db) == CONNECTION_BAD)
        break;
      continue;
    }
    ExecStatusType status = PQresultStatus(got);
    size_t used = strlen(line);
    snprintf(line + used, sizeof line - used, "%s", PQresStatus(status) + 6);
    if (status == PGRES_TUPLES_OK || status == PGRES_SINGLE_TUPLE)
      for (int row = 0; row < PQntuples(got); row++) {
        used = strlen(line);
        snprintf(line + used, sizeof line - used, " %s", PQgetvalue(got, row, 0));
      }
    if (status == PGRES_FATAL_ERROR) {
      const char* state = PQresultErrorField(got, PG_DIAG_SQLSTATE);
      used = strlen(line);
      snprintf(line + used, sizeof line - used, " %s", state ? state : "(none)");
    }
    used = strlen(line);
    snprintf(line + used, sizeof line - used, ", ");
    PQclear(got);
    if (status == PGRES_PIPELINE_SYNC)
      break;
  }
  printf("%d\t%s\t%s\n", worker, feature, line);
}

static int ask(PGconn* db, const char* sql, const char* value) {
  const char* values[] = {value};
  return PQsendQueryParams(db, sql, value ? 1 : 0, NULL, values, NULL, NULL, 0);
}

static void work(PGconn* db) {
  const char* number = "7";
  char text[64];
  PQenterPipelineMode(db);
  for (int i = 0; i < 50; i++) {
    snprintf(text, sizeof text, "%d", i);
    ask(db, "select $1::int", text);
  }
  PQpipelineSync(db);
  until_sync(db, "queries");
  PQsendPrepare(db, "one", "select $1::int * 2", 0, NULL);
  PQsendQueryPrepared(db, "one", 1, &number, NULL, NULL, 0);
  PQsendDescribePrepared(db, "one");
  PQpipelineSync(db);
  PQsendQueryPrepared(db, "one", 1, &number, NULL, NULL, 0);
  PQpipelineSync(db);
  until_sync(db, "prepared");
  until_sync(db, "prepared_after_sync");
  PQsendPrepare(db, "one", "select 'twice'", 0, NULL);
  PQsendQueryPrepared(db, "one", 1, &number, NULL, NULL, 0);
  PQpipelineSync(db);
  until_sync(db, "prepared_twice");
  PQsendQueryPrepared(db, "none", 0, NULL, NULL, NULL, 0);
  ask(db, "select 'skipped'", NULL);
  PQpipelineSync(db);
  ask(db, "select 'goes on'", NULL);
  PQpipelineSync(db);
  until_sync(db, "missing");
  until_sync(db, "after_missing");
  ask(db, "begin", NULL);
  ask(db, "select 1 / $1::int", "0");
  ask(db, "commit", NULL);
  PQpipelineSync(db);
  ask(db, "rollback", NULL);
  PQpipelineSync(db);
  until_sync(db, "error_in_transaction");
  until_sync(db, "rollback");
  /* Answers read while the pipeline is still open: Flush instead of Sync. */
  ask(db, "select 'flushed'", NULL);
  PQsendFlushRequest(db);
  PQflush(db);
  PGresult* got = PQgetResult(db);
  printf("%d\tflush\t%s\n", worker,
         got && PQresultStatus(got) == PGRES_TUPLES_OK ? PQgetvalue(got, 0, 0) : "nothing");
  PQclear(got);
  while ((got = PQgetResult(db)) != NULL)
    PQclear(got);
  ask(db, "set timezone = 'Asia/Tokyo'", NULL);
  PQpipelineSync(db);
  until_sync(db, "set");
  ask(db, "show timezone", NULL);
  PQpipelineSync(db);
  until_sync(db, "show");
  PQexitPipelineMode(db);
  printf("%d\tparameter\t%s\n", worker, PQparameterStatus(db, "TimeZone"));
  PQsendQuery(db, "select g from generate_series(1, 5) g");
  PQsetSingleRowMode(db);
  int rows = 0;
  while ((got = PQgetResult(db)) != NULL) {
    rows += PQresultStatus(got) == PGRES_SINGLE_TUPLE;
    PQclear(got);
  }
  printf("%d\tsingle_rows\t%d\n", worker, rows);
}

static int child(char** argv) {
  const char* keys[] = {"host", "port", "user", "password", "dbname", "sslmode", NULL};
  const char* tls = getenv("PGSSLMODE");
  const char* values[] = {"127.0.0.1", argv[1], argv[2], argv[3], argv[4], tls ? tls : "disable", NULL};
  alarm(80);
  PGconn* db = PQconnectdbParams(keys, values, 0);
  if (PQstatus(db) != CONNECTION_OK) {
    fprintf(stderr, "%s", PQerrorMessage(db));
    return 1;
  }
  work(db);
  PQfinish(db);
  printf("%d\tconnection\tgood\n", worker);
  fflush(stdout);
  return 0;
}

int main(int argc, char** argv) {
  int failed = argc < 7;
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (worker = 0; !failed && worker < atoi(argv[5]); worker++)
    if (fork() == 0)
      _exit(child(argv));
  int status;
  while (wait(&status) > 0)
    failed |= status != 0;
  return failed;
}
