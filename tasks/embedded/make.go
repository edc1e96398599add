//go:build ignore

// Make writes mate1.tsv and mate2.tsv, the positions of the tasks chess-mate1 and chess-mate2. A line has the FEN, a tab
// and the moves that force mate. Run it in this folder: go run make.go
package main

import (
	"bytes"
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	"w2s/tasks"
)

func main() {
	for depth, n := range map[int]int{1: 2000, 2: 1000} {
		mates, err := tasks.Mates(context.Background(), depth, 1, n)
		if err != nil {
			log.Fatal(err)
		}
		var out bytes.Buffer
		for _, m := range mates {
			fmt.Fprintf(&out, "%s\t%s\n", m.FEN, strings.Join(m.Keys, " "))
		}
		if err := os.WriteFile(fmt.Sprintf("mate%d.tsv", depth), out.Bytes(), 0o644); err != nil {
			log.Fatal(err)
		}
	}
}
