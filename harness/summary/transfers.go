package summary

import (
	"fmt"
	"slices"

	"w2s/harness/result"
	"w2s/internal/list"
)

// A TransferMatrix holds the rows of one pair, loss and treatment on all tasks. Cells[i][j] is the row of heads trained on
// Tasks[i] and tested on Tasks[j].
type TransferMatrix struct {
	Weak      string   `json:"weak_model"`
	Strong    string   `json:"strong_model"`
	Loss      string   `json:"loss"`
	Treatment string   `json:"treatment"`
	Tasks     []string `json:"tasks"`
	Cells     [][]Row  `json:"cells"`
}

// Transfers lays the rows of a transfer result out as matrices, in the order of the rows.
func Transfers(r *result.Result, opt Options) ([]TransferMatrix, error) {
	rows, err := Rows(r, opt)
	if err != nil {
		return nil, err
	}
	names := list.Map(r.Tasks, func(t result.Task) string { return t.Name })
	var out []TransferMatrix
	for _, row := range rows {
		at := slices.IndexFunc(out, func(m TransferMatrix) bool {
			return m.Weak == row.Weak && m.Strong == row.Strong && m.Loss == row.Loss && m.Treatment == row.Treatment
		})
		if at < 0 {
			at = len(out)
			m := TransferMatrix{Weak: row.Weak, Strong: row.Strong, Loss: row.Loss, Treatment: row.Treatment, Tasks: names, Cells: make([][]Row, len(names))}
			for i := range m.Cells {
				m.Cells[i] = make([]Row, len(names))
			}
			out = append(out, m)
		}
		trained := row.Trained
		if trained == "" {
			trained = row.Task
		}
		i, j := slices.Index(names, trained), slices.Index(names, row.Task)
		if i < 0 {
			return nil, fmt.Errorf("summary: heads trained on %s, which is not among the tasks", trained)
		}
		out[at].Cells[i][j] = row
	}
	for _, m := range out {
		for i, cells := range m.Cells {
			for j, c := range cells {
				if c.Task == "" {
					return nil, fmt.Errorf("summary: no heads of %s were tested on %s: not the result of a transfer", names[i], names[j])
				}
			}
		}
	}
	return out, nil
}
