// Package tasks turns data sets into examples with gold labels, and splits them into the parts of a weak-to-strong
// experiment.
//
// A [Task] is a data set and a rule that turns its rows into examples. [All] lists the built-in tasks and [Lookup] finds
// one by name. [Open] also makes a task from a file: JSONL, JSON, CSV, TSV or parquet with text and label columns, or a
// YAML file that names the columns ([Spec]). [OpenFrom] opens any data set of the Hugging Face hub as well. [Check] reports the
// faults of a file with their lines.
//
// Some properties of an example look random, such as the distractor that a question is asked with or the part of the
// split that it falls into. They are hashes of the example itself, so adding, removing or moving rows does not change
// the other examples.
//
// [Data.Split] divides the examples into weak-train, strong-train and test. The test set and the training pool are the
// same for every seed. The seed decides which half of the pool trains the weak supervisor.
//
// # Adding a task
//
// A task on your own files needs no Go, see docs/add-a-task.md. A built-in task is an entry of the list in registry.go.
// Most are a few lines in a table (hub_nlp.go, hub_more.go, hub_choices.go, hub_reward.go); others have a file of their own, of which
// ratings.go is the shortest. A row of a table can name files of public repositories as another source. Package internal/catalog pins them.
//
// # Files
//
//   - task.go has the types, registry.go the list of built-in tasks, split.go the split, id.go the hashes.
//   - hub*.go are the tasks on the Hugging Face hub, ratings*.go the tasks on human ratings, chess*.go the chess tasks.
//   - public.go chooses among the sources of a task; public_rows.go gives rows of public repositories the columns of the hub.
//   - settings.go reads what a user writes after colons; hub_any.go opens any data set of the hub.
//   - single.go and free.go ask another task in another form.
//   - file*.go and spec.go make tasks from the user's files; check.go and fault.go report what is wrong with them.
//   - row*.go read rows from files of every format; collect.go and example.go turn them into checked examples.
package tasks
