package main

import (
	"strings"

	"github.com/spf13/pflag"
)

// A clusterFlags says which job to write instead of encoding here.
type clusterFlags struct {
	slurm, kubernetes int      // shards; 0 is no job
	submit            bool     // Slurm
	sbatch            []string // Slurm: further options
	image, claim      string   // Kubernetes
}

func (f *clusterFlags) register(fs *pflag.FlagSet) {
	fs.IntVar(&f.slurm, "slurm", 0, "print the script of a Slurm array job with `N` shards")
	fs.BoolVar(&f.submit, "submit", false, "with --slurm: hand the script to sbatch instead of printing it")
	fs.StringArrayVar(&f.sbatch, "sbatch", nil, "with --slurm: further `option` of the job, such as --partition=long (repeatable)")
	fs.IntVar(&f.kubernetes, "kubernetes", 0, "print the manifest of a Kubernetes Indexed Job with `N` shards")
	fs.StringVar(&f.image, "image", "", "with --kubernetes: container `image` that has w2s and ONNX Runtime")
	fs.StringVar(&f.claim, "claim", "w2s-cache", "with --kubernetes: `name` of the persistent volume claim for the cache folder")
}

// ofCluster are the flags that a shard's own command line does not have.
var ofCluster = []string{"slurm", "submit", "sbatch", "kubernetes", "image", "claim", "shard"}

// mostShards keeps a slip of the finger from flooding a cluster; Slurm's own default limit is 1000 as well.
const mostShards = 1000

func (f *clusterFlags) check(shard string) error {
	switch {
	case f.slurm < 0 || f.slurm > mostShards || f.kubernetes < 0 || f.kubernetes > mostShards:
		return usagef("--slurm and --kubernetes: want 1 to %d shards", mostShards)
	case f.slurm > 0 && f.kubernetes > 0:
		return usagef("--slurm and --kubernetes: want one of them")
	case (f.slurm > 0 || f.kubernetes > 0) && shard != "":
		return usagef("--shard: the job gives every one of its tasks a shard")
	case f.slurm == 0 && (f.submit || len(f.sbatch) > 0):
		return usagef("--submit and --sbatch go with --slurm N")
	case f.kubernetes > 0 && f.image == "":
		return usagef("--kubernetes needs --image, a container image that has w2s and ONNX Runtime (docs/cluster.md says how to make one)")
	}
	for _, o := range f.sbatch {
		if !strings.HasPrefix(o, "-") || strings.ContainsAny(o, "\r\n") {
			return usagef("--sbatch %q: want an option of sbatch, such as --sbatch=--partition=long", o)
		}
	}
	return nil
}

// shardArgs is the command line of a shard: the flags that the user gave, but those of the cluster and those in without.
func shardArgs(flags *pflag.FlagSet, without ...string) []string {
	skip := map[string]bool{}
	for _, name := range append(without, ofCluster...) {
		skip[name] = true
	}
	args := []string{"encode"}
	flags.Visit(func(f *pflag.Flag) {
		if skip[f.Name] {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, v := range values {
			args = append(args, "--"+f.Name+"="+v)
		}
	})
	return args
}
