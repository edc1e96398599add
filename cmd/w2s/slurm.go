package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/internal/visible"
)

// writeSlurm prints the script of an array job, or hands it to sbatch.
func (a *app) writeSlurm(ctx context.Context, f *clusterFlags, flags *pflag.FlagSet) error {
	if !f.submit {
		return a.slurmScript(a.out, f, flags)
	}
	var script bytes.Buffer
	if err := a.slurmScript(&script, f, flags); err != nil {
		return err
	}
	sbatch, err := exec.LookPath("sbatch")
	if err != nil {
		return errors.New("--submit: sbatch is not installed here (print the script without --submit, and hand it to sbatch on a login node)")
	}
	cmd := exec.CommandContext(ctx, sbatch, "--parsable")
	var stderr bytes.Buffer
	cmd.Stdin, cmd.Stderr = &script, &stderr
	id, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("sbatch: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	// sbatch --parsable prints ID, or ID;CLUSTER.
	job, _, _ := strings.Cut(strings.TrimSpace(string(id)), ";")
	_, err = fmt.Fprintf(a.out, "submitted batch job %s: %s, logs in w2s-encode-%s_*.log\n", job, visible.Count(f.slurm, "shard"), job)
	return err
}

// writeSlurmScript writes the script of an array job, each task of which encodes one shard by running program with args in
// dir. env lists environment variables as NAME=VALUE.
func writeSlurmScript(w io.Writer, program, dir string, f *clusterFlags, env, args []string) error {
	if strings.ContainsAny(dir, "\"%") || visible.Line(dir) != dir {
		return fmt.Errorf("--slurm: the name of folder %q cannot be written in a job script (change to another folder)", dir)
	}
	var quoted []string
	for _, a := range args {
		quoted = append(quoted, shellQuote(a))
	}
	var options, settings strings.Builder
	for _, o := range f.sbatch {
		fmt.Fprintf(&options, "#SBATCH %s\n", o)
	}
	for _, e := range env {
		name, value, _ := strings.Cut(e, "=")
		fmt.Fprintf(&settings, "export %s=%s\n", name, shellQuote(value))
	}
	_, err := fmt.Fprintf(w, `#!/bin/bash
# An array job that fills one feature cache, one shard for each task. Written by w2s encode --slurm %[1]d.
#SBATCH --job-name=w2s-encode
#SBATCH --array=1-%[1]d
#SBATCH --chdir="%[2]s"
#SBATCH --output=w2s-encode-%%A_%%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
%[3]s
%[6]scode=0
%[4]s %[5]s \
  --threads="${SLURM_CPUS_PER_TASK:-0}" --shard="$SLURM_ARRAY_TASK_ID/%[1]d" || code=$?
# An exit code above 128 means that a signal killed w2s. A new start continues from the cache. Other faults would only happen again.
if [ "$code" -gt 128 ] && [ "${SLURM_RESTART_COUNT:-0}" -lt 3 ]; then
  echo "w2s was killed (exit code $code) and goes back to the queue"
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$code"
`, f.slurm, dir, options.String(), shellQuote(program), strings.Join(quoted, " "), settings.String())
	return err
}

// asksForCards reports whether an option of sbatch asks for graphics cards.
func asksForCards(option string) bool {
	return strings.HasPrefix(option, "--gres") || strings.HasPrefix(option, "--gpus") || strings.HasPrefix(option, "-G")
}

// shellQuote quotes a word for bash. Bytes of characters that a terminal hides or obeys are written as numbers.
func shellQuote(word string) string {
	if visible.Line(word) == word {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	var b strings.Builder
	for _, c := range []byte(word) {
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	return "$'" + b.String() + "'"
}

// slurmScript writes the script for the flags that the user gave. Shards work offline, because nodes of a cluster often
// have no network; data and checkpoints are in the cache by then.
func (a *app) slurmScript(w io.Writer, f *clusterFlags, flags *pflag.FlagSet) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("--slurm: %w", err)
	}
	dir, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("--slurm: %w", err)
	}
	c, err := a.catalog()
	if err != nil {
		return err
	}
	cache, err := filepath.Abs(c.CacheDir())
	if err != nil {
		return fmt.Errorf("--slurm: %w", err)
	}
	args := append(shardArgs(flags, "cache", "offline", "threads"), "--cache="+cache, "--offline")
	var env []string // some clusters do not pass the environment on to jobs
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "W2S_") && !strings.HasPrefix(e, "W2S_CACHE=") {
			env = append(env, e)
		}
	}
	slices.Sort(env)
	if n := a.jobCards(); n > 0 && !slices.ContainsFunc(f.sbatch, asksForCards) {
		asking := *f
		asking.sbatch = append([]string{fmt.Sprintf("--gres=gpu:%d", n)}, f.sbatch...)
		f = &asking
	}
	return writeSlurmScript(w, program, dir, f, env, args)
}
