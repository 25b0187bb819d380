// pgx in the driver matrix: main PORT USER PASSWORD DATABASE WORKERS VARIANT, where
// the variant is `default` (statement cache) or a default_query_exec_mode.
package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

type act func() (any, error)

var printing sync.Mutex

func show(worker int, feature string, result any) {
	printing.Lock()
	defer printing.Unlock()
	text := strings.ReplaceAll(fmt.Sprint(result), "\n", "\\n")
	fmt.Printf("%d\t%s\t%s\n", worker, feature, text)
}

// state is the SQLSTATE of an error, which is an answer too.
func state(err error) string {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		return said.Code
	}
	return fmt.Sprint(err)
}

func attempt(worker int, feature string, do act) {
	result, err := do()
	if err != nil {
		result = state(err)
	}
	show(worker, feature, result)
}

func one(ctx context.Context, db *pgx.Conn, sql string, values ...any) any {
	var got any
	if err := db.QueryRow(ctx, sql, values...).Scan(&got); err != nil {
		return state(err)
	}
	return got
}

func work(ctx context.Context, dsn string, worker int, alone bool) error {
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	s := fmt.Sprintf("m_pgx_%d", worker)
	for _, sql := range []string{"drop schema if exists " + s + " cascade", "create schema " + s,
		"create table " + s + ".t (id int primary key, word text)"} {
		if _, err := db.Exec(ctx, sql); err != nil {
			return err
		}
	}
	attempt(worker, "cached", func() (any, error) {
		var got []any
		for i := 0; i < 10; i++ {
			got = append(got, one(ctx, db, "select $1::int * 2", i))
		}
		return got, nil
	})
	attempt(worker, "batch", func() (any, error) {
		batch := &pgx.Batch{}
		for i := 0; i < 200; i++ {
			batch.Queue("insert into "+s+".t values ($1, $2)", i, "w")
		}
		batch.Queue("select count(*) from " + s + ".t")
		results := db.SendBatch(ctx, batch)
		for i := 0; i < 200; i++ {
			if _, err := results.Exec(); err != nil {
				return nil, err
			}
		}
		var count int
		if err := results.QueryRow().Scan(&count); err != nil {
			return nil, err
		}
		return count, results.Close()
	})
	attempt(worker, "batch_fails", func() (any, error) {
		batch := &pgx.Batch{}
		batch.Queue("insert into "+s+".t values ($1, 'x')", 5000)
		batch.Queue("insert into "+s+".t values ($1, 'x')", 1)
		failed := state(db.SendBatch(ctx, batch).Close())
		return fmt.Sprint(failed, one(ctx, db, "select count(*) from "+s+".t where id = 5000")), nil
	})
	attempt(worker, "transaction", func() (any, error) {
		tx, err := db.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
		if err != nil {
			return nil, err
		}
		_, err = tx.Exec(ctx, "insert into "+s+".t values ($1, 'kept')", 900)
		inner, _ := tx.Begin(ctx)
		_, failed := inner.Exec(ctx, "select 1/$1::int", 0)
		_ = inner.Rollback(ctx)
		level := one(ctx, db, "show transaction_isolation")
		return fmt.Sprint(state(failed), level, err, tx.Commit(ctx)), nil
	})
	attempt(worker, "copy", func() (any, error) {
		count, err := db.CopyFrom(ctx, pgx.Identifier{s, "t"}, []string{"id", "word"},
			pgx.CopyFromSlice(500, func(i int) ([]any, error) { return []any{1000 + i, "copied"}, nil }))
		return count, err
	})
	attempt(worker, "copy_fails", func() (any, error) {
		_, err := db.CopyFrom(ctx, pgx.Identifier{s, "t"}, []string{"id", "word"},
			pgx.CopyFromRows([][]any{{1, "twice"}}))
		return fmt.Sprint(state(err), one(ctx, db, "select 'on'")), nil
	})
	attempt(worker, "errors", func() (any, error) {
		var got []any
		for i := 0; i < 5; i++ {
			got = append(got, one(ctx, db, "select 10 / $1::int", i%2), one(ctx, db, "select nowhere"))
		}
		return got, nil
	})
	attempt(worker, "prepared", func() (any, error) {
		if _, err := db.Prepare(ctx, "mine", "select word from "+s+".t where id = $1"); err != nil {
			return nil, err
		}
		got := []any{one(ctx, db, "mine", 1), one(ctx, db, "mine", 2)}
		return got, db.Deallocate(ctx, "mine")
	})
	attempt(worker, "settings", func() (any, error) {
		_, err := db.Exec(ctx, "set search_path = "+s)
		return fmt.Sprint(one(ctx, db, "select count(*) > 0 from t"),
			one(ctx, db, "select current_setting('search_path') = '"+s+"'"), one(ctx, db, "show application_name")), err
	})
	attempt(worker, "cache_overflows", func() (any, error) {
		sum := 0
		for i := 0; i < 600; i++ { // The cache holds 512.
			var got int
			if err := db.QueryRow(ctx, fmt.Sprintf("select $1::int + %d", i), 1).Scan(&got); err != nil {
				return nil, err
			}
			sum += got
		}
		return sum, nil
	})
	attempt(worker, "changed_table", func() (any, error) {
		var got []any
		_, err := db.Exec(ctx, "create table "+s+".c as select 1 as a")
		for i := 0; i < 4; i++ {
			if i == 2 {
				_, err = db.Exec(ctx, "alter table "+s+".c add column b int default 2")
			}
			rows, failed := db.Query(ctx, "select * from "+s+".c")
			columns := len(rows.FieldDescriptions())
			rows.Close()
			if failed == nil {
				failed = rows.Err()
			}
			if i != 2 { // The first use may be told that the plan is stale.
				got = append(got, columns, failed)
			}
		}
		return got, err
	})
	attempt(worker, "notify", func() (any, error) {
		channel := fmt.Sprintf("pgx_%d", worker)
		if _, err := db.Exec(ctx, "listen "+channel); err != nil {
			return nil, err
		}
		_, err := db.Exec(ctx, "notify "+channel+", 'hello'")
		if err != nil {
			return nil, err
		}
		soon, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		note, err := db.WaitForNotification(soon)
		if err != nil {
			return nil, err
		}
		_, err = db.Exec(ctx, "unlisten *")
		return note.Payload, err
	})
	attempt(worker, "pool", func() (any, error) {
		if !alone {
			return "only alone", nil
		}
		return pool(ctx, dsn)
	})
	return nil
}

func pool(ctx context.Context, dsn string) (any, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.MaxConns = 3
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	var group sync.WaitGroup
	sums := make([]int, 30)
	for i := range sums {
		group.Add(1)
		go func(i int) {
			defer group.Done()
			_ = pool.QueryRow(ctx, "select $1::int", i).Scan(&sums[i])
		}(i)
	}
	group.Wait()
	return sums, nil
}

func main() {
	args := os.Args[1:]
	tls := os.Getenv("PGSSLMODE")
	if tls == "" {
		tls = "disable"
	}
	dsn := fmt.Sprintf("postgres://%s:%s@127.0.0.1:%s/%s?sslmode=%s&application_name=pgx", args[1],
		url.QueryEscape(args[2]), args[0], args[3], tls)
	dsn = strings.ReplaceAll(dsn, "+", "%20")
	if args[5] != "default" {
		dsn += "&default_query_exec_mode=" + args[5]
	}
	workers, _ := strconv.Atoi(args[4])
	ctx, cancel := context.WithTimeout(context.Background(), 80*time.Second)
	defer cancel()
	var group sync.WaitGroup
	for worker := 0; worker < workers; worker++ {
		group.Add(1)
		go func(worker int) {
			defer group.Done()
			if err := work(ctx, dsn, worker, workers == 1); err != nil {
				show(worker, "connection", state(err))
			} else {
				show(worker, "connection", "good")
			}
		}(worker)
	}
	group.Wait()
}
