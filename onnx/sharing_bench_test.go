//go:build unix

package onnx

import (
	"syscall"
	"testing"
	"time"

	"w2s/tasks"
)

// chessTexts returns the candidate moves of n positions, as a run encodes them.
func chessTexts(tb testing.TB, n int) (texts []string) {
	tb.Helper()
	task, err := tasks.Lookup("chess-mate1")
	if err != nil {
		tb.Fatal(err)
	}
	data, err := task.Load(tb.Context(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	for _, e := range data.Pool[:n] {
		texts = append(texts, e.Texts...)
	}
	return texts
}

// BenchmarkSharing compares texts run whole with texts whose shared prefixes are run once.
func BenchmarkSharing(b *testing.B) {
	texts := chessTexts(b, 100)
	rt := testRuntime(b)
	for _, model := range []string{"chess-0.4m", "chess-1.5m"} {
		for _, until := range []string{"", "move"} {
			b.Run(model+"/until="+until, func(b *testing.B) {
				e := openTest(b, rt, sharingCopy(b, "chess/"+model, until), Options{})
				encodeAll(b, e, texts[:1])
				before := cpuTime(b)
				for b.Loop() {
					encodeAll(b, e, texts)
				}
				b.ReportMetric(float64(len(texts)*b.N)/b.Elapsed().Seconds(), "texts/s")
				b.ReportMetric(float64(len(texts)*b.N)/(cpuTime(b)-before).Seconds(), "texts/cpu-s")
			})
		}
	}
}

// cpuTime returns the processor time of this process, which depends less on other work on the machine than elapsed time.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
