package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	"gopkg.in/yaml.v3"
)

// These types hold the fields of a batch/v1 Job that an Indexed Job of shards needs.
type (
	kubeJob struct {
		APIVersion string   `yaml:"apiVersion"`
		Kind       string   `yaml:"kind"`
		Metadata   kubeMeta `yaml:"metadata"`
		Spec       kubeSpec `yaml:"spec"`
	}
	kubeMeta struct {
		Name string `yaml:"name"`
	}
	kubeSpec struct {
		CompletionMode   string            `yaml:"completionMode"`
		Completions      int               `yaml:"completions"`
		Parallelism      int               `yaml:"parallelism"`
		BackoffLimit     int               `yaml:"backoffLimit"`
		PodFailurePolicy kubeFailurePolicy `yaml:"podFailurePolicy"`
		Template         kubeTemplate      `yaml:"template"`
	}
	kubeFailurePolicy struct {
		Rules []kubeRule `yaml:"rules"`
	}
	kubeRule struct {
		Action      string        `yaml:"action"`
		OnExitCodes kubeExitCodes `yaml:"onExitCodes"`
	}
	kubeExitCodes struct {
		Operator string `yaml:"operator"`
		Values   []int  `yaml:"values"`
	}
	kubeTemplate struct {
		Spec kubePod `yaml:"spec"`
	}
	kubePod struct {
		RestartPolicy string          `yaml:"restartPolicy"`
		Containers    []kubeContainer `yaml:"containers"`
		Volumes       []kubeVolume    `yaml:"volumes"`
	}
	kubeContainer struct {
		Name         string         `yaml:"name"`
		Image        string         `yaml:"image"`
		Command      []string       `yaml:"command"`
		Args         []string       `yaml:"args"`
		Resources    *kubeResources `yaml:"resources,omitempty"`
		VolumeMounts []kubeMount    `yaml:"volumeMounts"`
	}
	kubeResources struct {
		Requests map[string]string `yaml:"requests,omitempty"`
		Limits   map[string]string `yaml:"limits,omitempty"` // cards must be limits
	}
	kubeMount struct {
		Name      string `yaml:"name"`
		MountPath string `yaml:"mountPath"`
	}
	kubeVolume struct {
		Name  string    `yaml:"name"`
		Claim kubeClaim `yaml:"persistentVolumeClaim"`
	}
	kubeClaim struct {
		ClaimName string `yaml:"claimName"`
	}
)

// cacheMount is the path of the cache folder in the pods.
const cacheMount = "/cache"

// writeKubernetes prints the manifest of an Indexed Job. Index i of the job, counted from 0, encodes shard i+1.
func (a *app) writeKubernetes(f *clusterFlags, flags *pflag.FlagSet) error {
	args := append(shardArgs(flags, "cache"), "--cache="+cacheMount)
	return writeKubernetesJob(a.out, f, a.threads, a.jobCards(), args)
}

func writeKubernetesJob(w io.Writer, f *clusterFlags, threads, cards int, args []string) error {
	// Kubernetes replaces $(NAME) in command and args, and reads $$ as $.
	literal := strings.NewReplacer("$", "$$")
	for i := range args {
		args[i] = literal.Replace(args[i])
	}
	shell := literal.Replace(fmt.Sprintf(`exec w2s "$@" --shard="$((JOB_COMPLETION_INDEX + 1))/%d"`, f.kubernetes))
	c := kubeContainer{
		Name: "w2s", Image: f.image, Command: []string{"/bin/sh", "-c", shell, "w2s"}, Args: args,
		VolumeMounts: []kubeMount{{Name: "cache", MountPath: cacheMount}},
	}
	if threads > 0 || cards > 0 {
		c.Resources = &kubeResources{}
	}
	if threads > 0 {
		c.Resources.Requests = map[string]string{"cpu": strconv.Itoa(threads)}
	}
	if cards > 0 {
		c.Resources.Limits = map[string]string{"nvidia.com/gpu": strconv.Itoa(cards)}
	}
	job := kubeJob{APIVersion: "batch/v1", Kind: "Job", Metadata: kubeMeta{Name: "w2s-encode"}, Spec: kubeSpec{
		CompletionMode: "Indexed", Completions: f.kubernetes, Parallelism: f.kubernetes,
		BackoffLimit: 3 * f.kubernetes, // a new pod continues from what a killed one left in the cache
		PodFailurePolicy: kubeFailurePolicy{Rules: []kubeRule{ // a usage error would only happen again
			{Action: "FailJob", OnExitCodes: kubeExitCodes{Operator: "In", Values: []int{exitUsage}}},
		}},
		Template: kubeTemplate{Spec: kubePod{
			RestartPolicy: "Never", Containers: []kubeContainer{c},
			Volumes: []kubeVolume{{Name: "cache", Claim: kubeClaim{ClaimName: f.claim}}},
		}},
	}}
	if _, err := fmt.Fprintf(w, "# An Indexed Job that fills one feature cache, one shard for each index. Written by w2s encode --kubernetes %d.\n", f.kubernetes); err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(job); err != nil {
		return err
	}
	return enc.Close()
}
