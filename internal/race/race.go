// Package race tells tests whether the race detector is on.
package race

import "testing"

// SkipSequential skips a test of a single goroutine that takes long under the race detector, which finds nothing there. .ci/run
// runs it without the detector.
func SkipSequential(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("has one goroutine, and takes long under the race detector: run it without -race")
	}
}
