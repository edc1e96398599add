package families

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestCheckConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.json")
	for config, fault := range map[string]string{
		`{"model_type":"llama","hidden_act":"gelu","rope_scaling":{"type":"linear"}}`: "",
		`{"model_type":"lama"}`: `did you mean "llama"`,
		`{"hidden_size":64}`:    "names no model_type",
		`{"model_type":"qwen2","quantization_config":{"quant_method":"awq"}}`: "quantization_config",
		`[]`: "config.json",
	} {
		if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := CheckConfig(path); (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
			t.Errorf("%s: got %v, want %q", config, err, fault)
		}
	}
}

// TestMPNetDistances compares with MPNetEncoder.relative_position_bucket of transformers 4.57.6: some distances, and the digest of all.
func TestMPNetDistances(t *testing.T) {
	groups := mpnetDistances(512)
	for distance, want := range map[int]int64{-500: 15, -128: 15, -91: 15, -90: 14, -64: 14, -33: 12, -16: 10, -12: 9, -8: 8, -7: 7, -1: 1, 0: 0,
		1: 17, 7: 23, 8: 24, 11: 24, 12: 25, 23: 27, 46: 29, 64: 30, 90: 30, 91: 31, 128: 31, 500: 31} {
		if got := groups[distance+511]; got != want {
			t.Errorf("distance %d is in group %d, want %d", distance, got, want)
		}
	}
	var all []string
	for _, g := range groups {
		all = append(all, strconv.FormatInt(g, 10))
	}
	sum := sha256.Sum256([]byte(strings.Join(all, ",")))
	if got := hex.EncodeToString(sum[:]); got != "b349d3459e6ee526bfa1139b1c95ffc3f8d4081e3de3e3073368460055a5bbdb" {
		t.Errorf("the groups are %v", all)
	}
}
