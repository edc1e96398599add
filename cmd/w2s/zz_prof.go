package main

import (
	"os"
	"runtime/pprof"
)

func init() {
	if p := os.Getenv("W2S_PROF"); p != "" {
		f, _ := os.Create(p)
		pprof.StartCPUProfile(f)
		profStop = pprof.StopCPUProfile
	}
}

var profStop = func() {}
