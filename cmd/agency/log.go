package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/cloud-agency/agency/vendormodules/services"
)

// logs is where an agency's processes write: everything from a level on into a file, warnings to standard error too.
type logs struct {
	file     *os.File
	log      *zap.Logger
	level    zapcore.Level
	scrubber *services.Scrubber
}

// openLogs opens DATA/log/NAME.log to append to.
func openLogs(directory, name string, level zapcore.Level, warnings io.Writer) (*logs, error) {
	directory = filepath.Join(directory, "log")
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, fmt.Errorf("make the log's directory: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(directory, name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	opened := &logs{file: file, level: level, scrubber: services.NewScrubber()}
	written := services.NewLogger(services.LogOptions{
		Level: level, Format: services.LogJSON, Writer: file, Scrubber: opened.scrubber,
	})
	shown := services.NewLogger(services.LogOptions{
		Level: max(level, zapcore.WarnLevel), Format: services.LogConsole, Writer: warnings, Scrubber: opened.scrubber,
	})
	opened.log = zap.New(zapcore.NewTee(written.Core(), shown.Core()))
	return opened, nil
}

// with is the log of one agent, which also goes where core takes it.
func (l *logs) with(name string, core zapcore.Core) *zap.Logger {
	return l.log.Named(name).WithOptions(zap.WrapCore(func(own zapcore.Core) zapcore.Core {
		return zapcore.NewTee(own, l.scrubber.Core(core))
	}))
}

func (l *logs) close() error {
	err := l.file.Sync()
	return errors.Join(err, l.file.Close())
}
