// Package head trains linear heads on frozen features: losses, optimisers, and many heads at once.
//
// A head is logits = x·W + b. Data holds one feature matrix and says what its rows are: with Classes, row e is
// example e and the head has a logit a class; with Start, an example is a group of candidate rows, the head has one score
// w·x a row, and a softmax over the candidates' scores chooses one (of two candidates: Bradley-Terry on the difference
// of their features).
//
// A Job is a head to train: examples, a label distribution for each (gold or a weak supervisor's), a Loss, the L2
// penalty and an optimiser. Fit trains any number of jobs in lock-step, so that the features are multiplied with the columns
// of all heads in one matrix product; Select does so for a grid of settings and chooses by held-out labels of
// the same kind. Predict gives probabilities, which can be the labels of the next Job.
//
// Losses are values of small types; Parse reads them by name, Losses lists them.
package head
