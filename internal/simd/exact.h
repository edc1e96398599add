// What exact.c computes, for one instruction set. exact.c includes this file once for each, with these macros:
//
//	NAME(f)  name of f for the instruction set
//	TARGET   attribute of functions that use it

TARGET static void NAME(widen)(const float *restrict x, int64_t n, double *restrict out) {
	for (int64_t i = 0; i < n; i++) out[i] = (double)x[i];
}

TARGET static void NAME(narrow)(const double *restrict x, int64_t n, float *restrict out) {
	for (int64_t i = 0; i < n; i++) out[i] = (float)x[i];
}

// pairs32 and pairs64 write the logits of two classes, -(z+bias) and z+bias.
TARGET static void NAME(pairs32)(const float *restrict z, int64_t n, double bias, double *restrict logits) {
	for (int64_t i = 0; i < n; i++) {
		const double v = (double)z[i] + bias;
		logits[2 * i] = -v;
		logits[2 * i + 1] = v;
	}
}

TARGET static void NAME(pairs64)(const double *restrict z, int64_t n, double bias, double *restrict logits) {
	for (int64_t i = 0; i < n; i++) {
		const double v = z[i] + bias;
		logits[2 * i] = -v;
		logits[2 * i + 1] = v;
	}
}

TARGET static void NAME(firsts)(const double *restrict pairs, int64_t n, double *restrict out) {
	for (int64_t i = 0; i < n; i++) out[i] = pairs[2 * i];
}

TARGET static void NAME(seconds)(const double *restrict pairs, int64_t n, double *restrict out) {
	for (int64_t i = 0; i < n; i++) out[i] = pairs[2 * i + 1];
}

TARGET static void NAME(accumulate32)(const float *restrict x, int64_t n, double *restrict sums) {
	for (int64_t i = 0; i < n; i++) sums[i] += (double)x[i];
}

TARGET static void NAME(accumulate64)(const double *restrict x, int64_t n, double *restrict sums) {
	for (int64_t i = 0; i < n; i++) sums[i] += x[i];
}

// threshold writes (1-c)·label, and adds c for the first class of an example if its probability is least or more, and else for the second.
TARGET static void NAME(threshold)(const double *restrict probs, const double *restrict labels, int64_t n, double least, double c, double *restrict targets) {
	for (int64_t i = 0; i < n; i++) {
		const double first = probs[2 * i] >= least ? c : 0;
		targets[2 * i] = (1 - c) * labels[2 * i] + first;
		targets[2 * i + 1] = (1 - c) * labels[2 * i + 1] + (c - first);
	}
}

// max_abs returns the largest absolute value, or NaN if there is one.
TARGET static double NAME(max_abs)(const double *x, int64_t n) {
	double most[8] = {0}, nan = 0;
	int64_t i = 0;
	for (; i + 8 <= n; i += 8) {
		for (int k = 0; k < 8; k++) {
			const double a = x[i + k] < 0 ? -x[i + k] : x[i + k];
			most[k] = a > most[k] ? a : most[k];
		}
	}
	for (; i < n; i++) {
		const double a = x[i] < 0 ? -x[i] : x[i];
		most[0] = a > most[0] ? a : most[0];
	}
	int64_t odd = 0;
	for (i = 0; i < n; i++) odd += x[i] != x[i];
	if (odd > 0) return nan / nan;
	for (int k = 1; k < 8; k++) most[0] = most[k] > most[0] ? most[k] : most[0];
	return most[0];
}

// nth writes the k-th smallest of n values, counted from 0, and the next one to out. The last has no next one, and comes twice. room has n
// numbers. Counting the values below a number is quick on vector units, so the range of the k-th is halved until it holds few.
TARGET static void NAME(nth)(const double *restrict values, int64_t n, int64_t k, double *restrict room, double *restrict out) {
	enum { FEW = 24, LANES = 8 };
	double lows[LANES], highs[LANES];
	for (int l = 0; l < LANES; l++) lows[l] = highs[l] = values[0];
	int64_t i = 0;
	for (; i + LANES <= n; i += LANES) {
		for (int l = 0; l < LANES; l++) {
			const double v = values[i + l];
			lows[l] = v < lows[l] ? v : lows[l];
			highs[l] = v > highs[l] ? v : highs[l];
		}
	}
	for (; i < n; i++) {
		lows[0] = values[i] < lows[0] ? values[i] : lows[0];
		highs[0] = values[i] > highs[0] ? values[i] : highs[0];
	}
	double low = lows[0], high = highs[0];
	for (int l = 1; l < LANES; l++) {
		low = lows[l] < low ? lows[l] : low;
		high = highs[l] > high ? highs[l] : high;
	}
	double limit = __builtin_inf(); // the k-th is from low to high, and below limit
	int64_t below = 0, within = n;  // numbers of values below low, and in the range
	while (within > FEW) {
		const double middle = low + (high - low) / 2;
		if (!(middle > low && middle < high)) break;
		int64_t less = 0;
		for (i = 0; i < n; i++) less += values[i] < middle;
		if (k < less) {
			limit = high = middle;
			within = less - below;
		} else {
			within -= less - below;
			low = middle;
			below = less;
		}
	}
	if (within > FEW) { // no number is between low and high, so that all values of the range are one of the two
		int64_t equal = 0;
		for (i = 0; i < n; i++) equal += values[i] == low;
		out[0] = k < below + equal ? low : high;
		out[1] = k + 1 < below + equal ? low : high;
		within = k + 1 < below + within ? within : 0;
	} else {
		int64_t m = 0;
		for (i = 0; i < n; i++) {
			room[m] = values[i];
			m += (values[i] >= low) & (values[i] <= high) & (values[i] < limit);
		}
		const int64_t rank = k - below, last = rank + 2 < m ? rank + 2 : m; // room is sorted up to last
		for (i = 0; i < last; i++) {
			int64_t least = i;
			for (int64_t j = i + 1; j < m; j++) least = room[j] < room[least] ? j : least;
			const double v = room[i];
			room[i] = room[least];
			room[least] = v;
		}
		out[0] = room[rank];
		out[1] = room[last - 1];
		within = rank + 1 < m;
	}
	if (within == 0) { // the next one is outside the range
		double next = __builtin_inf();
		for (i = 0; i < n; i++) next = values[i] > out[0] && values[i] < next ? values[i] : next;
		out[1] = k + 1 < n ? next : out[0];
	}
}

// scaled_dot adds factor times x to d and returns the dot product of d and y. Four sums take every fourth product each.
TARGET static double NAME(scaled_dot)(double factor, const double *restrict x, const double *restrict y, int64_t n, double *restrict d) {
	FOUR sums = {0};
	int64_t i = 0;
	for (; i + 4 <= n; i += 4) {
		const FOUR v = *(const FOUR *)(d + i) + factor * *(const FOUR *)(x + i);
		*(FOUR *)(d + i) = v;
		sums += v * *(const FOUR *)(y + i);
	}
	for (; i < n; i++) {
		d[i] += factor * x[i];
		sums[0] += d[i] * y[i];
	}
	return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}
