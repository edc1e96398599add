// Package race tells tests whether the race detector is on.
package race

import "testing"

// SkipLong skips a test that takes long under the race detector, which finds nothing there that it does not find elsewhere: the test
// has one goroutine, or shorter tests run the same concurrent code. .ci/run runs it without the detector.
func SkipLong(t testing.TB) {
	t.Helper()
	if Enabled {
		t.Skip("takes long under the race detector: run it without -race")
	}
}
