package main

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/onnx"
)

// A clusterFlags holds the flags that ask for a job on a cluster.
type clusterFlags struct {
	slurm, kubernetes int      // number of shards; 0: no job
	submit            bool     // Slurm
	sbatch            []string // Slurm: further options
	image, claim      string   // Kubernetes
}

func (f *clusterFlags) register(fs *pflag.FlagSet) {
	countVar(fs, count{value: &f.slurm, most: maxShards}, "slurm", 0, "print the script of a Slurm array job with `N` shards")
	fs.BoolVar(&f.submit, "submit", false, "with --slurm: hand the script to sbatch instead of printing it")
	fs.StringArrayVar(&f.sbatch, "sbatch", nil, "with --slurm: `option` to add to the job, such as --partition=long (repeatable)")
	countVar(fs, count{value: &f.kubernetes, most: maxShards}, "kubernetes", 0, "print the manifest of a Kubernetes Indexed Job with `N` shards")
	fs.StringVar(&f.image, "image", "", "with --kubernetes: container `image` with w2s and ONNX Runtime")
	fs.StringVar(&f.claim, "claim", "w2s-cache", "with --kubernetes: `name` of the persistent volume claim for the cache folder")
}

// clusterOnly lists the flags that the command line of a shard does not have.
var clusterOnly = []string{"slurm", "submit", "sbatch", "kubernetes", "image", "claim", "shard"}

// maxShards keeps a typing error from flooding a cluster. It is also Slurm's default limit of an array.
const maxShards = 1000

func (f *clusterFlags) check(shard string) error {
	switch {
	case f.slurm > 0 && f.kubernetes > 0:
		return usagef("--slurm and --kubernetes: give only one of them")
	case (f.slurm > 0 || f.kubernetes > 0) && shard != "":
		return usagef("--shard: the job chooses the shard of each of its tasks")
	case f.slurm == 0 && (f.submit || len(f.sbatch) > 0):
		return usagef("--submit and --sbatch need --slurm N")
	case f.kubernetes > 0 && f.image == "":
		return usagef("--kubernetes needs --image, a container image with w2s and ONNX Runtime (docs/cluster.md shows how to build one)")
	}
	for _, o := range f.sbatch {
		if !strings.HasPrefix(o, "-") || strings.ContainsAny(o, "\r\n") {
			return usagef("--sbatch %q: want an option of sbatch, such as --sbatch=--partition=long", o)
		}
	}
	return nil
}

// jobCards returns how many cards each task of a job needs.
func (a *app) jobCards() int {
	if !onnx.TakesDevices(a.provider) {
		return 0 // with auto, a shard takes a card if it has one
	}
	if len(a.devices) == 0 {
		return 1
	}
	return slices.Max(a.devices) + 1 // a job counts its own cards from 0
}

// shardArgs returns the command line of a shard: the flags that the user gave, except clusterOnly and those in without.
func shardArgs(flags *pflag.FlagSet, without ...string) []string {
	skip := map[string]bool{}
	for _, name := range append(without, clusterOnly...) {
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
