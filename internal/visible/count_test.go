package visible

import "testing"

func TestCount(t *testing.T) {
	for want, got := range map[string]string{
		"0 rows": Count(0, "row"), "1 row": Count(1, "row"), "2 rows": Count(int64(2), "row"), "1 ply": Count(1, "ply"), "3 plies": Count(3, "ply"),
		"2 classes": Count(2, "class"), "2 keys": Count(2, "key"), "2 test examples": Count(2, "test example"), "2 batches": Count(2, "batch"), "-1 rows": Count(-1, "row"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
