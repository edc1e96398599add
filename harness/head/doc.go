// Package head trains linear heads on frozen features.
//
// A [Head] computes logits = x·W + b. [Data] is a feature matrix together with the meaning of its rows. If Classes is set,
// row e is example e and a head has one logit for each class. If Start is set, an example is a group of candidate rows, a
// head has one score w·x for each row, and a softmax over the scores of a group chooses one candidate. For pairs of
// candidates this is the Bradley-Terry model on the difference of their features.
//
// A [Job] asks for one head: training examples, a label distribution for each (gold or a weak supervisor's), a loss, an L2
// penalty and an optimiser. Training takes three steps:
//
//   - [Standardise] measures the scaling of the features.
//   - [Select] tries the penalties of a [Grid] on labels that it holds out, and trains every job with the best one. [Fit]
//     trains jobs with the penalty that they state. Both train all heads in lock-step, so that one matrix product
//     multiplies the features with the columns of many heads.
//   - [Predict] returns probabilities, which can be the labels of the next job.
//
// [Head.Save] and [Load] store heads as safetensors files, and [Head.ONNX] exports them.
package head
