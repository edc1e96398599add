package label

import "testing"

func TestNeedsHeld(t *testing.T) {
	for text, want := range map[string]bool{"soft": false, "hard": false, "smooth:0.2": false, "top:0.5+hard": false, "relabel:knn": false,
		"temperature": true, "platt": true, "temperature+top:0.5": true} {
		treatment, err := Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if NeedsHeld(treatment) != want {
			t.Errorf("%s: %v, want %v", text, !want, want)
		}
	}
	if !NeedsHeld(custom{}) {
		t.Error("a custom treatment may look at held-out labels")
	}
}

type custom struct{ Treatment }

func (custom) String() string { return "custom" }
