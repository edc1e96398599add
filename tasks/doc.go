// Package tasks turns data sets into examples with gold labels, and cuts them into the parts of a weak-to-strong
// experiment.
//
// A [Task] is a data set and a rule that makes examples of it. [All] lists the built-in ones, [Lookup] finds one by
// name, and [Open] also makes a task of a file: JSONL, JSON, CSV, TSV or parquet with text and label columns, or a YAML
// file that names the columns ([Spec]). [Check] reports what is wrong with such a file, by line.
//
// Every decision about an example that looks random (which distractor a question is asked with, which part of the data
// it falls into) is a hash of the example itself. Rows that are added, removed or moved change nothing for the others.
//
// [Data.Split] cuts the examples into weak-train, strong-train and test. The test set and the training pool are the
// same for every seed; the seed decides which half of the pool trains the weak supervisor.
//
// # Adding a task
//
// A task on files needs no Go: see docs/add-a-task.md. A built-in one is an entry of the literal in registry.go: most
// are a few lines in a table (nlp.go), others have a file of their own (ratings.go is the shortest).
package tasks
