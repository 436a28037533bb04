/* SPDX-License-Identifier: ISC */
/*
 * Fuzz target: hpn-resume.  The input is two files' sizes, what the user wants,
 * and what each comparison finds, which need not fit together: a server may
 * answer anything.
 */

#include "fuzz.h"
#include "hpn-resume.h"

/* Reading backwards through HPN_RESUME_TAIL, and what comes before */
#define STEPS	(HPN_RESUME_TAIL / HPN_RESUME_BACK + 8)

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int flags[] = { 0, HPN_RESUME_REPLACE, HPN_RESUME_SIZE,
	    HPN_RESUME_VERIFY, HPN_RESUME_REPLACE | HPN_RESUME_VERIFY };
	struct input in = { data, size };
	struct hpn_resume_file source, dest;
	struct hpn_resume_found found;
	struct hpn_resume r;
	uint64_t first = UINT64_MAX, at;
	unsigned int steps = 0, kind;
	int how, kinds;

	source.size = input_number(&in) & INT64_MAX;
	dest.size = input_number(&in) & INT64_MAX;
	source.mtime = input_bytes(&in, 1);
	dest.mtime = input_bytes(&in, 1);
	how = flags[input_bytes(&in, 1) % (sizeof(flags) / sizeof(flags[0]))];
	kinds = (int)input_bytes(&in, 1);
	hpn_resume_begin(&r, &source, &dest, how, kinds & 1, kinds & 2);
	while (r.step == HPN_RESUME_HASH || r.step == HPN_RESUME_READ) {
		HOLDS(++steps <= STEPS);
		HOLDS(dest.size <= source.size);
		HOLDS(r.length > 0 && r.length <= dest.size);
		HOLDS(r.offset <= dest.size - r.length);
		HOLDS(r.step != HPN_RESUME_HASH || r.block > 0);
		kind = (unsigned int)input_bytes(&in, 1);
		found.unusable = kind % 8 == 0;
		found.differs = UINT64_MAX;
		found.zeros = found.others = 0;
		if (kind & 64) {
			found.differs = r.offset + input_number(&in) % r.length;
			if (kind & 128)
				found.others = 1;
			found.zeros = input_number(&in) % (r.length + 1);
			/* Of blocks it may be any byte that differs. */
			at = found.differs;
			if (r.step == HPN_RESUME_HASH)
				at += r.block - 1;
			if (!found.unusable && at < first)
				first = at;
		}
		hpn_resume_found(&r, &found);
	}
	HOLDS(r.replaced == 0 || (how & HPN_RESUME_REPLACE));
	HOLDS(r.replaced == 0 || r.step == HPN_RESUME_TRANSFER);
	switch (r.step) {
	case HPN_RESUME_TRANSFER:
		HOLDS(r.offset <= dest.size && r.offset <= source.size);
		HOLDS(r.replaced ? r.offset == 0 : dest.size <= source.size);
		/* Nothing is kept that was seen to differ. */
		HOLDS(r.offset <= first || r.by == HPN_RESUME_BY_SIZE);
		break;
	case HPN_RESUME_WHOLE:
		HOLDS(source.size == dest.size && first == UINT64_MAX);
		break;
	default:
		HOLDS(r.step == HPN_RESUME_REFUSE);
		HOLDS((how & HPN_RESUME_REPLACE) == 0);
		HOLDS(dest.size != 0);
	}
	return 0;
}
