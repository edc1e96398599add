//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"w2s/internal/shareddata"
	"w2s/internal/visible"
)

// hostile lists arguments that a shell, Slurm or Kubernetes would misread if they were not quoted.
var hostile = []string{"--task=it's a $HOME \"file\".jsonl", "--task=$(touch oops)", "--model=a`b`\\", "--model=$(HOME) $$", "--train=5"}

// stub writes a shell script called name that appends its arguments to $STUB_OUT/name.words, one for each line, and then runs
// the commands in then.
func stub(t *testing.T, dir, name, then string) {
	t.Helper()
	script := "#!/bin/sh\nprintf '%s\\n' \"$@\" >>\"$STUB_OUT/" + name + ".words\"\n" + then + "\n"
	if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
}

// words returns the arguments that a stub was called with.
func words(t *testing.T, dir, name string) []string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name+".words"))
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
}

func TestSlurmScript(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		shareddata.Missing(t, "needs bash on the PATH")
	}
	for _, c := range []struct {
		name, then, restarts string
		code                 int
		requeued             bool
	}{
		{"good", "exit 0", "0", 0, false},
		{"failed", "exit 1", "0", 1, false}, // a second attempt would fail too
		{"killed", "kill -9 $$", "0", 137, true},
		{"killed too often", "kill -9 $$", "3", 137, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "a folder's name")
			if err := os.Mkdir(dir, 0o777); err != nil {
				t.Fatal(err)
			}
			stub(t, dir, "w2s", `printf '%s' "$W2S_DATA" >"$STUB_OUT/variable"`+"\n"+c.then)
			stub(t, dir, "scontrol", "")
			var script bytes.Buffer
			f := clusterFlags{slurm: 8, sbatch: []string{"--partition=long", "--mem=4G"}}
			if err := writeSlurmScript(&script, filepath.Join(dir, "w2s"), dir, &f, []string{"W2S_DATA=it's $HOME=here"}, append([]string{"encode"}, hostile...)); err != nil {
				t.Fatal(err)
			}
			for _, line := range []string{"#SBATCH --array=1-8", "#SBATCH --partition=long", "#SBATCH --mem=4G", "#SBATCH --requeue", `#SBATCH --chdir="` + dir + `"`} {
				if !strings.Contains(script.String(), "\n"+line+"\n") {
					t.Errorf("the script lacks %s:\n%s", line, script.String())
				}
			}
			cmd := exec.Command(bash)
			cmd.Dir, cmd.Stdin = dir, &script
			cmd.Env = append(os.Environ(), "STUB_OUT="+dir, "PATH="+dir+":"+os.Getenv("PATH"),
				"SLURM_ARRAY_TASK_ID=3", "SLURM_JOB_ID=77", "SLURM_CPUS_PER_TASK=2", "SLURM_RESTART_COUNT="+c.restarts)
			_ = cmd.Run()
			if got := cmd.ProcessState.ExitCode(); got != c.code {
				t.Errorf("exit code %d, want %d", got, c.code)
			}
			want := append(append([]string{"encode"}, hostile...), "--threads=2", "--shard=3/8")
			if got := words(t, dir, "w2s"); strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("w2s has arguments %q, want %q", got, want)
			}
			if got, err := os.ReadFile(filepath.Join(dir, "variable")); err != nil || string(got) != "it's $HOME=here" {
				t.Errorf("w2s has the variable %q, %v", got, err)
			}
			if got := strings.Join(words(t, dir, "scontrol"), " "); (got == "requeue 77") != c.requeued || (got != "") != c.requeued {
				t.Errorf("scontrol has arguments %q", got)
			}
			if _, err := os.Stat(filepath.Join(dir, "oops")); err == nil {
				t.Error("the shell executed an argument")
			}
		})
	}
	if err := writeSlurmScript(new(bytes.Buffer), "w2s", "/a\n#SBATCH --account=x", &clusterFlags{slurm: 1}, nil, nil); err == nil || !strings.Contains(err.Error(), "job script") {
		t.Errorf("a folder's name with a line break: %v", err)
	}
}

// expand replaces $(NAME) and $$ as Kubernetes does in command and args. Variables that are not set stay as they are.
func expand(s string) string {
	return regexp.MustCompile(`\$\$|\$\([^)]*\)`).ReplaceAllStringFunc(s, func(m string) string {
		switch m {
		case "$$":
			return "$"
		case "$(HOME)":
			return "/home/user"
		}
		return m
	})
}

func TestKubernetesJob(t *testing.T) {
	if _, err := os.Stat("/bin/sh"); err != nil {
		shareddata.Missing(t, "needs /bin/sh")
	}
	dir := t.TempDir()
	var out bytes.Buffer
	f := clusterFlags{kubernetes: 8, image: "my/w2s:1", claim: "features"}
	if err := writeKubernetesJob(&out, &f, 4, 0, append([]string{"encode"}, hostile...)); err != nil {
		t.Fatal(err)
	}
	var job kubeJob
	dec := yaml.NewDecoder(&out)
	dec.KnownFields(true)
	if err := dec.Decode(&job); err != nil {
		t.Fatal(err)
	}
	if s := job.Spec; s.Completions != 8 || s.Parallelism != 8 || s.CompletionMode != "Indexed" || s.Template.Spec.RestartPolicy != "Never" {
		t.Errorf("%+v", s)
	}
	c := job.Spec.Template.Spec.Containers[0]
	if c.Image != "my/w2s:1" || c.Resources.Requests["cpu"] != "4" || job.Spec.Template.Spec.Volumes[0].Claim.ClaimName != "features" {
		t.Errorf("%+v", c)
	}
	stub(t, dir, "w2s", "")
	var argv []string
	for _, word := range append(c.Command, c.Args...) {
		argv = append(argv, expand(word))
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"STUB_OUT=" + dir, "PATH=" + dir + ":" + os.Getenv("PATH"), "JOB_COMPLETION_INDEX=7"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := append(append([]string{"encode"}, hostile...), "--shard=8/8")
	if got := words(t, dir, "w2s"); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("w2s has arguments %q, want %q", got, want)
	}
}

// TestSlurm submits an array job to this machine's Slurm, kills the encoder of one shard with SIGKILL and all processes of the
// other shard with scancel, and lets Slurm start both again. At the end no text is encoded twice or missing.
// docs/scripts/slurm_single_node.sh sets up a Slurm for it.
func TestSlurm(t *testing.T) {
	if _, err := exec.LookPath("sbatch"); err != nil {
		t.Skip("optional: needs Slurm; docs/scripts/slurm_single_node.sh sets it up on a scratch machine")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // sinfo waits long for a controller that is not there
	defer cancel()
	if out, err := exec.CommandContext(ctx, "sinfo", "--noheader", "--format=%t").CombinedOutput(); err != nil || !regexp.MustCompile(`^(idle|mix|alloc)`).Match(out) {
		t.Skipf("optional: needs a Slurm that takes jobs: %v %s", err, out)
	}
	if testing.Short() {
		t.Skip("takes a minute")
	}
	w := newFaultBench(t)
	w.write("many.jsonl", reviews(30000))
	encode := []string{"encode", "--task", "many.jsonl", "--model", w.model("bert-tiny"), "--all-texts"}
	said := w.must(append(encode, "--slurm", "2", "--submit")...)
	job := regexp.MustCompile(`submitted batch job (\d+): 2 shards`).FindStringSubmatch(said)
	if job == nil {
		t.Fatal(said)
	}
	t.Cleanup(func() { _ = exec.Command("scancel", job[1]).Run() })

	// Wait until both shards have stored rows. Each appends to its own file.
	w.wait("both shards to run", time.Minute, func() bool {
		files, _ := filepath.Glob(filepath.Join(w.cache, featuresFolder, "*", "rows-*.bin"))
		far := 0
		for _, f := range files {
			if info, err := os.Stat(f); err == nil && info.Size() > 50_000 {
				far++
			}
		}
		return far == 2
	})
	for i := 1; i <= 2; i++ {
		shard := fmt.Sprintf("--shard=%d/2", i)
		pid := processWith(w.cache, shard)
		if pid == 0 {
			t.Fatalf("%s finished before it was killed: give it more texts", shard)
		}
		if i == 1 {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
		} else if out, err := exec.Command("scancel", "--signal=KILL", "--full", job[1]+"_2").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		w.wait("the shard to die", 30*time.Second, func() bool { return processWith(w.cache, shard) == 0 })
	}
	kept := w.rows()
	// The job script requeues the first shard. The test requeues the second one, as a user does, and does not wait for the two
	// minutes that Slurm lets requeued jobs wait.
	again := func(i int) func() bool {
		id := fmt.Sprintf("%s_%d", job[1], i)
		return func() bool {
			state := jobState(id)
			if state == "COMPLETED" {
				return true
			}
			if state == "FAILED" || state == "CANCELLED" || state == "NODE_FAIL" {
				_ = exec.Command("scontrol", "requeue", id).Run()
			}
			if state == "PENDING" {
				_ = exec.Command("scontrol", "update", "JobId="+id, "StartTime=now").Run()
			}
			time.Sleep(500 * time.Millisecond)
			return false
		}
	}
	w.wait("shard 1 to end", 2*time.Minute, again(1))
	w.wait("shard 2 to end", 2*time.Minute, again(2))

	var rows []encodeRow
	if err := json.Unmarshal([]byte(w.must(append(encode, "--json")...)), &rows); err != nil {
		t.Fatal(err)
	}
	if rows[0].Encoded != 0 || rows[0].Cached != 30000 {
		t.Errorf("after the job: %+v", rows)
	}
	health := w.health()
	if health.Repeated != 0 || !health.Sound() || health.Texts != 30000 {
		t.Errorf("after the job: %+v", health)
	}
	for i := 1; i <= 2; i++ {
		log := string(w.read(fmt.Sprintf("w2s-encode-%s_%d.log", job[1], i)))
		found := regexp.MustCompile(`many +bert-tiny +\d/2 +\d+ +(\d+) `).FindStringSubmatch(log)
		if found == nil || found[1] == "0" {
			t.Errorf("shard %d did not continue from the cache (%d rows at the kill):\n%s", i, kept, log)
		}
	}
	if log := w.read(fmt.Sprintf("w2s-encode-%s_1.log", job[1])); !bytes.Contains(log, []byte("w2s was killed (exit code 137) and goes back to the queue")) {
		t.Errorf("the job script did not requeue shard 1:\n%s", log)
	}
}

// jobState returns Slurm's state of a job, such as PENDING, or "".
func jobState(id string) string {
	out, err := exec.Command("scontrol", "--oneliner", "show", "job", id).Output()
	if err != nil {
		return ""
	}
	if m := regexp.MustCompile(`JobState=(\w+)`).FindSubmatch(out); m != nil {
		return string(m[1])
	}
	return ""
}

// processWith returns the id of the w2s process whose command line contains all parts, or 0.
func processWith(parts ...string) int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
next:
	for _, d := range dirs {
		line, err := os.ReadFile(filepath.Join(d, "cmdline"))
		if err != nil || !strings.HasSuffix(strings.SplitN(string(line), "\x00", 2)[0], "/w2s") {
			continue
		}
		for _, p := range parts {
			if !bytes.Contains(line, []byte(p)) {
				continue next
			}
		}
		var pid int
		if _, err := fmt.Sscanf(filepath.Base(d), "%d", &pid); err == nil {
			return pid
		}
	}
	return 0
}

// bash reads what shellQuote writes, and no terminal obeys it.
func TestShellQuote(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		shareddata.Missing(t, "needs bash")
	}
	for _, word := range []string{"", "a b", "it's", "\x1b[31mred\u202e's \\ $HOME `x`", "caf\xe9", "two\nlines\t", "日本語", "é'\u200b9f"} {
		quoted := shellQuote(word)
		if visible.Text(quoted) != quoted {
			t.Errorf("%q is quoted as %q", word, quoted)
		}
		out, err := exec.Command(bash, "-c", "printf %s "+quoted).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q is quoted as %s, which bash reads as %q (%v)", word, quoted, out, err)
		}
	}
}
