package families_test

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"w2s/internal/drawn"
	"w2s/onnx/families"
)

// FuzzAdapter opens adapters with any configuration and any header of the weights. One that is accepted must give a graph.
func FuzzAdapter(f *testing.F) {
	bases := map[byte]string{}
	for i, name := range []string{"llama", "gpt2-embedding", "llama-dora"} {
		a := drawn.ReadAdapter(f, name)
		dir := a.Write(f)
		bases[byte(i)] = drawn.Read(f, a.Base).Write(f)
		data, err := os.ReadFile(filepath.Join(dir, "adapter_model.safetensors"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), []byte(a.Config), data[8:8+binary.LittleEndian.Uint64(data)])
	}
	f.Fuzz(func(t *testing.T, base byte, config, header []byte) {
		// The data are zeros, of the length at which the last tensor ends.
		var ends map[string]struct {
			Offsets [2]int64 `json:"data_offsets"`
		}
		var size int64
		if json.Unmarshal(header, &ends) == nil {
			for _, t := range ends {
				size = max(size, t.Offsets[1])
			}
		}
		if size < 0 || size > 1<<22 {
			size = 0
		}
		dir := t.TempDir()
		data := append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...)
		write(t, filepath.Join(dir, "adapter_model.safetensors"), append(data, make([]byte, size)...))
		write(t, filepath.Join(dir, "adapter_config.json"), config)
		c, err := families.Open(bases[base%byte(len(bases))], dir)
		if err != nil {
			return
		}
		graph, err := c.Graph(families.Want{Outputs: c.Outputs()})
		if err == nil {
			_, err = graph.Marshal()
		}
		if err != nil {
			t.Error(err)
		}
	})
}
