//go:build race

package head

const raceDetector = true
