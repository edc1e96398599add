package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func newManCommand(a *app) *cobra.Command {
	c := &cobra.Command{
		Use:   "man FOLDER",
		Short: "Write manual pages, one for each command, to a folder",
		Long: `Writes the help of every command as a manual page (section 1). man finds the
pages in a folder named man1 below one of the folders of MANPATH.`,
		Example: "  w2s man ~/.local/share/man/man1",
		Args:    cobra.ExactArgs(1),
	}
	c.RunE = a.runE(func(_ context.Context, args []string) error {
		folder := args[0]
		if err := checkFolder("FOLDER", folder); err != nil {
			return err
		}
		if err := os.MkdirAll(folder, 0o777); err != nil {
			return err
		}
		root := c.Root()
		root.DisableAutoGenTag = true // it has the date
		return doc.GenManTree(root, &doc.GenManHeader{Title: "W2S", Section: "1", Source: program()}, folder)
	})
	return c
}
