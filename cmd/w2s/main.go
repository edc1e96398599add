package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"w2s/harness/experiment"
	"w2s/internal/fetch"
	"w2s/internal/suggest"
	"w2s/internal/visible"
	"w2s/tasks"
)

// Exit codes.
const (
	exitGood   = 0
	exitFailed = 1
	exitUsage  = 2
)

// gracePeriod is how long an interrupted command may take to end by itself.
const gracePeriod = 400 * time.Millisecond

const stopped = "w2s: stopped; finished work is kept, and the same command continues from there"

// gcPercent is lower than Go's 100: most of the memory of large runs is numbers, which the collector does not look through.
const gcPercent = 40

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() {
		stop() // a second Ctrl-C ends the process at once
		// Some computations do not check ctx for seconds. Exiting in the middle of one loses no finished work, because files
		// are appended in whole rows, or renamed when they are complete.
		time.Sleep(gracePeriod)
		fmt.Fprintln(os.Stderr, stopped)
		os.Exit(exitFailed)
	})
	code := run(ctx, os.Stdout, os.Stderr, os.Args[1:])
	stop()
	os.Exit(code)
}

// run executes one command line and returns the exit code.
func run(ctx context.Context, out, errOut io.Writer, args []string) int {
	root := newRoot(out, errOut, args)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitGood
	case errors.As(err, new(usageError)), errors.As(err, new(experiment.ConfigError)), errors.As(err, new(fetch.SettingError)), errors.As(err, new(tasks.NameError)):
		printError(errOut, err)
		fmt.Fprintf(errOut, "w2s: see 'w2s --help' or 'w2s COMMAND --help'\n")
		return exitUsage
	case ctx.Err() != nil:
		fmt.Fprintln(errOut, stopped)
		return exitFailed
	default:
		printError(errOut, err)
		return exitFailed
	}
}

// maxErrorLine is the number of characters of an error's line that are shown. An error may quote a whole file by accident.
const maxErrorLine = 2000

// maxErrorLines is the number of lines of an error that are shown. Every record of a damaged file may be an error.
const maxErrorLines = 100

// printError prints every line of a joined error, each after the program's name and without the names of packages. An error
// may quote what files contain, so it is cut, and characters that would steer the terminal are shown as escapes.
func printError(w io.Writer, err error) {
	lines := strings.Split(err.Error(), "\n")
	for i, line := range lines {
		if i == maxErrorLines && len(lines) > maxErrorLines+1 {
			fmt.Fprintf(w, "w2s: … and %s\n", visible.Count(len(lines)-i, "more line"))
			return
		}
		fmt.Fprintf(w, "w2s: %s\n", visible.Text(visible.Cut(plain(line), maxErrorLine)))
	}
}

// A usageError is a fault in the command line. It leads to exit code 2, as an experiment.ConfigError does.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func newRoot(out, errOut io.Writer, args []string) *cobra.Command {
	a := &app{out: out, errOut: errOut, args: args, try: tryInChild}
	root := &cobra.Command{
		Use:   "w2s",
		Short: "Weak-to-strong generalization on real pretrained checkpoints",
		Long: `w2s measures weak-to-strong generalization. It trains the head of a small model
(the weak supervisor) on ground truth, and the head of a large model (the strong
student) on the labels that the supervisor gives. The performance gap recovered,

    PGR = (student - weak) / (ceiling - weak),

tells how far the student gets from the supervisor's score (the weak floor) to
the score of the large model trained on ground truth (the strong ceiling).`,
		Example: `  w2s run                                  # the default experiment
  w2s run --task chess-mate1               # downloads only the ONNX Runtime library
  w2s run --weak ./small --strong ./large --task my.jsonl
  w2s doctor                               # what is installed and what is missing`,
		Version:       version(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	root.SetOut(out)
	root.SetErr(errOut)
	root.SetFlagErrorFunc(flagError)
	root.SetUsageFunc(usageFunc(root.UsageFunc()))
	a.globalFlags(root.PersistentFlags())
	root.AddCommand(
		newRunCommand(a),
		newSweepCommand(a),
		newChainCommand(a),
		newTransferCommand(a),
		newStudyCommand(a),
		newTableCommand(a),
		newReportCommand(a),
		newEncodeCommand(a),
		newFeaturesCommand(a),
		newModelsCommand(a),
		newTasksCommand(a),
		newCacheCommand(a),
		newBenchCommand(a),
		newDoctorCommand(a),
		newCardCommand(a),
		newManCommand(a),
		newTryProviderCommand(a),
	)
	root.AddCommand(helpTopics()...)
	usageArgs(root)
	for _, c := range below(root) {
		a.complete(c)
		if c.Long == "" {
			c.Long = strings.TrimSuffix(indented(0, c.Short), "\n") // cobra does not break Short
		}
	}
	return root
}

// flagError makes a fault in flags a usage error, and suggests a flag if the name is unknown. The names of similar programs
// come before names that are spelt alike.
func flagError(c *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		flag := invalid.GetFlag()
		return usagef("--%s %q: %w", flag.Name, invalid.GetValue(), flagFault(flag, invalid.GetValue(), invalid.Unwrap()))
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usageError{err}
	}
	name := unknown.GetSpecifiedName()
	if given, _, _ := strings.Cut(unknown.GetSpecifiedShortnames(), "="); len(given) > 1 { // a long flag after one dash
		name = given
	}
	if hint := neighbourHint(name, c.Flags()); hint != "" {
		return usagef("%w (%s)", err, hint)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := suggest.Nearest(name, names); near != "" {
		return usagef("%w (did you mean --%s?)", err, near)
	}
	return usageError{err}
}

// noArgs rejects positional arguments.
func noArgs(c *cobra.Command, args []string) error {
	switch {
	case len(args) == 0:
		return nil
	case c.Flags().Lookup("task") != nil:
		return fmt.Errorf("%s takes flags only, got %q (did you mean --task %s?)", c.CommandPath(), args[0], args[0])
	}
	return fmt.Errorf("%s takes flags only, got %q", c.CommandPath(), args[0])
}

// below returns all commands below a command.
func below(c *cobra.Command) []*cobra.Command {
	var all []*cobra.Command
	for _, sub := range c.Commands() {
		all = append(append(all, sub), below(sub)...)
	}
	return all
}

// usageArgs makes every fault in positional arguments a usage error, and rejects unknown subcommands.
func usageArgs(c *cobra.Command) {
	check := c.Args
	if check == nil {
		check = noArgs
	}
	c.Args = func(c *cobra.Command, args []string) error {
		if err := check(c, args); err != nil {
			return usageError{err}
		}
		return nil
	}
	if c.HasSubCommands() && c.RunE == nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			c.SuggestionsMinimumDistance = 2
			message := fmt.Sprintf("unknown command %q for %q", args[0], c.CommandPath())
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				message += fmt.Sprintf(" (did you mean %q?)", near[0])
			}
			return usageError{errors.New(message)}
		}
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
	}
	for _, sub := range c.Commands() {
		usageArgs(sub)
	}
}

// program returns the name and version of this program for result files.
func program() string { return "w2s " + version() }

// release is the version of a release build. The linker sets it; see .ci/release.
var release string

// version returns the version of a release, or else what Go recorded about the build.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	v := info.Main.Version
	if v == "" || v == "(devel)" {
		v = "devel"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && v == "devel" && len(s.Value) >= 12 {
			v += "-" + s.Value[:12]
		}
	}
	return v
}
