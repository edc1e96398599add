package fetch

import (
	"errors"
	"strings"
	"testing"
)

// Names of files in a listing may hold characters that a terminal obeys. Errors show them as code points, on one line.
func TestListingShowsNames(t *testing.T) {
	listing, err := parseListing([]byte(`{"sha":"0123456789abcdef0123456789abcdef01234567","siblings":[
		{"rfilename":"a\u202exnno.txt"},{"rfilename":"b\nw2s: forged"},{"rfilename":"\u001b[31m.gguf"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	const want = "a[U+202E]xnno.txt, b w2s: forged, [U+001B][31m.gguf"
	if got := listing.names(nil); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var fault formFault
	if err := noSafetensors(HubRef{Repo: "org/model"}, listing, true); !errors.As(err, &fault) || !strings.HasPrefix(fault.why, "[U+001B][31m.gguf is a GGUF file") {
		t.Errorf("%v", err)
	}
}
