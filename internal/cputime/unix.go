//go:build unix

// Package cputime tells how much processor time this process has used, for measurements.
package cputime

import (
	"syscall"
	"time"
)

// Used returns the user and system time of the process.
func Used() time.Duration {
	var use syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &use) != nil {
		return 0
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}
