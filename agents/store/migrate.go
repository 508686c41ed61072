package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
)

// ErrNewer is wrapped by the error of opening a file that a newer program wrote.
var ErrNewer = errors.New("store was written by a newer program")

// migrations lead from an empty file to the present format, in the order of their names; the n-th makes format n. One
// that was released is never changed.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings a file to the format that this program knows, one transaction a step.
func migrate(ctx context.Context, database *sql.DB) error {
	steps, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	format, err := readFormat(ctx, database)
	if err != nil {
		return err
	}
	if format > len(steps) {
		return fmt.Errorf("format %d, this program knows up to %d: %w", format, len(steps), ErrNewer)
	}
	for ; format < len(steps); format++ {
		if err := migrateTo(ctx, database, format+1, steps[format]); err != nil {
			return fmt.Errorf("migrate to format %d: %w", format+1, err)
		}
	}
	return nil
}

// readFormat returns the file's format, 0 for an empty one.
func readFormat(ctx context.Context, database *sql.DB) (int, error) {
	var format, tables int
	row := database.QueryRowContext(ctx, "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version")
	if err := row.Scan(&format, &tables); err != nil {
		return 0, fmt.Errorf("read format: %w", err)
	}
	if format == 0 && tables > 0 {
		return 0, errors.New("is a database of something else")
	}
	return format, nil
}

func migrateTo(ctx context.Context, database *sql.DB, format int, step string) error {
	statements, err := migrations.ReadFile(step)
	if err != nil {
		return err
	}
	transaction, err := database.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = transaction.ExecContext(ctx, string(statements))
	if err == nil {
		_, err = transaction.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", format))
	}
	if err != nil {
		return errors.Join(err, transaction.Rollback())
	}
	return transaction.Commit()
}
