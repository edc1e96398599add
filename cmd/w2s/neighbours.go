package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"w2s/internal/list"
)

// A neighbour is what flags of similar programs (openai/weak-to-strong, EleutherAI/w2s, training scripts in general) are here.
type neighbour struct {
	names []string   // with "_" between words
	flags [][]string // the flags that do the same; a command takes the first entry whose flags it has
	about string     // a further explanation, or why there is no such flag
}

// neighbours is the table of such flags.
var neighbours = []neighbour{
	{names: []string{"o", "output", "output_dir", "output_file", "output_path", "out_dir", "results_folder", "results_dir", "save", "save_dir", "save_path", "outfile"},
		flags: [][]string{{"out"}}},
	{names: []string{"m", "model", "model_name", "model_size", "model_id", "model_name_or_path", "checkpoint", "encoder", "base_model"},
		flags: [][]string{{"model"}, {"weak", "strong"}, {"models"}}},
	{names: []string{"model_sizes", "ladder", "checkpoints"}, flags: [][]string{{"models"}, {"weak", "strong"}, {"model"}}},
	{names: []string{"weak_model", "weak_model_size", "weak_model_name", "supervisor", "teacher", "weak_supervisor"},
		flags: [][]string{{"weak"}, {"models"}, {"model"}}},
	{names: []string{"strong_model", "strong_model_size", "strong_model_name", "student", "strong_student"},
		flags: [][]string{{"strong"}, {"models"}, {"model"}}},
	{names: []string{"d", "dataset", "datasets", "dataset_name", "ds", "ds_name", "data_path", "train_file", "tasks"}, flags: [][]string{{"task"}}},
	{names: []string{"n_docs", "n_train", "num_train", "train_size", "max_train_samples", "n_train_docs"}, flags: [][]string{{"train"}}},
	{names: []string{"n_test_docs", "n_test", "num_test", "test_size", "max_eval_samples", "n_val"}, flags: [][]string{{"test"}}},
	{names: []string{"seed", "random_seed", "n_seeds", "num_seeds"}, flags: [][]string{{"seeds"}}, about: "--seeds 3 takes the seeds 0, 1 and 2"},
	{names: []string{"transfer_loss", "transfer_losses", "loss_fn", "losses"}, flags: [][]string{{"loss"}}},
	{names: []string{"logconf_weight", "aux_coef", "confidence_weight"}, flags: [][]string{{"alpha"}}},
	{names: []string{"force_retrain", "overwrite", "force", "overwrite_output_dir"}, flags: [][]string{{"again"}}},
	{names: []string{"cache_dir", "cache_folder"}, flags: [][]string{{"cache"}}},
	{names: []string{"device", "gpu", "cuda", "device_map"}, flags: [][]string{{"provider"}}},
	{names: []string{"gpus", "num_gpus", "gpu_ids", "device_ids", "cuda_devices"}, flags: [][]string{{"devices"}}},
	{names: []string{"dtype", "torch_dtype", "fp16", "bf16", "half", "half_precision", "mixed_precision", "load_in_half"}, flags: [][]string{{"precision"}}},
	{names: []string{"num_workers", "workers", "n_jobs", "jobs", "j", "num_threads", "num_proc"}, flags: [][]string{{"threads"}}},
	{names: []string{"output_format", "fmt"}, flags: [][]string{{"format"}}},
	{names: []string{"weight_decay", "l2_penalty", "regularization"}, flags: [][]string{{"l2"}}},
	{names: []string{"s2s_iters"}, about: "w2s chain takes a model several times"},
	{names: []string{"epochs", "n_epochs", "num_epochs", "num_train_epochs", "gt_epochs", "transfer_epochs", "w2s_epochs", "e",
		"lr", "learning_rate", "weak_lr", "strong_lr", "lr_schedule", "optim", "optimizer", "warmup_steps", "warmup_ratio"},
		about: "heads are trained until they converge, without epochs or a learning rate"},
	{names: []string{"batch_size", "bs", "minibatch_size", "minibatch_size_per_device", "eval_batch_size", "per_device_train_batch_size", "gradient_accumulation_steps"},
		about: "results do not depend on batches, whose size w2s chooses"},
	{names: []string{"linear_probe", "disable_lora", "lora", "lora_rank", "freeze"}, about: "heads are always linear, and checkpoints are never trained (@adapter=FOLDER after a checkpoint merges a LoRA adapter that is)"},
	{names: []string{"max_ctx", "max_length", "max_len", "max_seq_length"}, about: "the longest input is that of the checkpoint (w2s models inspect shows it)"},
	{names: []string{"eval_every", "save_every", "log_prefix", "wandb", "run_name", "sweep_subfolder", "verbose", "v"},
		about: "progress is printed unless --quiet is given"},
}

// neighbourHint says what a flag of a similar program is on a command with the given flags, or returns "".
func neighbourHint(name string, flags *pflag.FlagSet) string {
	name = strings.ReplaceAll(strings.ToLower(name), "-", "_")
	at := slices.IndexFunc(neighbours, func(n neighbour) bool { return slices.Contains(n.names, name) })
	if at < 0 {
		return ""
	}
	n := neighbours[at]
	has := func(names []string) bool {
		return !slices.ContainsFunc(names, func(f string) bool { return flags.Lookup(f) == nil })
	}
	for _, names := range n.flags {
		if !has(names) {
			continue
		}
		hint := "did you mean " + strings.Join(list.Map(names, func(f string) string { return "--" + f }), " and ") + "?"
		if n.about != "" {
			hint += " " + n.about
		}
		return hint
	}
	if len(n.flags) > 0 {
		return ""
	}
	return fmt.Sprintf("w2s has none: %s", n.about)
}
