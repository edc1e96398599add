package families

import (
	"os"
	"path/filepath"
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
