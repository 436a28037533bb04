# SPDX-License-Identifier: ISC
# From all figures that lab/bench.sh took, one line for each thing measured:
# medians of the runs, ratios, and how they stand to what has to hold.
#
# usage: awk -F '\t' -v OFS='\t' -v memory_max=MIB -f summary.awk PART.tsv ...
#
# Input columns: part case way rtt_ms loss product run metric value unit.
# Output columns: part case way rtt_ms metric unit ours stock raw ours/raw
# ours/stock bound verdict; verdict is pass, miss, failed or skipped. In the
# part packet, raw is the program floor, and a line with the metric floor has
# the bound by it. Where ours is to be no more than stock, the bound leaves
# room for the noise of the figure.

# What the packet path may cost and has to reach, as part of stock's.
BEGIN {
	cpu_of["aes128-gcm"] = 0.62
	cpu_of["chacha20-poly1305"] = 0.50
	cpu_of["aes128-ctr"] = 0.65
	rate_of["aes128-gcm"] = 1.25
	rate_of["chacha20-poly1305"] = 1.7
	# Of floor's.
	floor_of["aes128-gcm"] = floor_of["aes256-gcm"] = 1.25
	floor_of["chacha20-poly1305"] = 1.25
}

$1 == "part" { next }
{
	product = $6 == "peer" ? "ours" : $6 == "floor" ? "raw" : $6
	if ($8 == "failed" || $8 == "skipped") {
		# Of whatever else of it was measured, too.
		lost[$1, $2, $3, $4, product] = $8
		key = $1 OFS $2 OFS $3 OFS $4 OFS "any" OFS $10
	} else
		key = $1 OFS $2 OFS $3 OFS $4 OFS $8 OFS $10
	if (!(key in known)) {
		known[key]
		keys[++nkeys] = key
	}
	if (key !~ /\tany\t/)
		values[key, product] = values[key, product] " " $9
}

function median(list,    v, n, i, j, t)
{
	n = split(list, v, " ")
	if (n == 0)
		return ""
	for (i = 2; i <= n; i++)
		for (j = i; j > 1 && v[j] + 0 < v[j - 1] + 0; j--) {
			t = v[j]
			v[j] = v[j - 1]
			v[j - 1] = t
		}
	return n % 2 ? v[(n + 1) / 2] : (v[n / 2] + v[n / 2 + 1]) / 2
}

# What scp of small files may take, seconds; a tree of ten times as many files
# goes at the same rate.
function small_limit(name, rtt)
{
	if (rtt == 0)
		return "stock"
	# Round trips, and half of one for the programs, if that is enough.
	if (name ~ /^tiny/)
		return rtt < 100 ? "" : (name ~ /@stock/ ? 4.5 : 3.5) * rtt / 1000
	return (rtt >= 100 ? 6 : name ~ /@stock/ ? 3 : 1.5) * \
	    (name ~ /^tree/ ? 10 : 1)
}

function short(v)
{
	return v == "" ? "" : sprintf(v + 0 < 10 ? "%.2f" : "%.1f", v)
}

function ratio(a, b)
{
	return a == "" || b == "" || b == 0 ? "" : sprintf("%.3f", a / b)
}

function judge(holds)
{
	verdict = holds ? "pass" : "miss"
}

END {
	for (i = 1; i <= nkeys; i++) {
		split(keys[i], k, OFS)
		part = k[1]
		metric = k[5]
		ours = median(values[keys[i], "ours"])
		stock = median(values[keys[i], "stock"])
		raw = median(values[keys[i], "raw"])
		bound = verdict = ""
		if (metric == "any") {
			# Only where nothing at all could be measured.
			why = ""
			any = 0
			for (j = 1; j <= nkeys; j++)
				if (j != i && index(keys[j], k[1] OFS k[2] OFS \
				    k[3] OFS k[4] OFS) == 1 && values[keys[j],
				    "ours"] != "")
					any = 1
			for (p in lost) {
				split(p, q, SUBSEP)
				if (q[1] == k[1] && q[2] == k[2] &&
				    q[3] == k[3] && q[4] == k[4])
					why = lost[p]
			}
			if (any)
				continue
			print k[1], k[2], k[3], k[4], "-", "", "", "", "", "",
			    "", "measured", why
			continue
		}
		if (metric == "rate2") {
			bound = "raw x 0.95"
			if (ours != "" && raw != "")
				judge(ours >= 0.95 * raw)
		} else if (part == "small" && k[2] !~ /^big/) {
			limit = small_limit(k[2], k[4])
			if (limit == "stock") {
				bound = "stock + 0.1"
				if (ours != "" && stock != "")
					judge(ours <= stock + 0.1)
			} else if (limit != "") {
				bound = limit " s"
				if (ours != "")
					judge(ours <= limit)
			}
		} else if (part == "small" && k[4] == 0) {
			bound = "stock + 0.1"
			if (ours != "" && stock != "")
				judge(ours <= stock + 0.1)
		} else if (metric == "time" && part == "lanes" &&
		    k[2] != "quiet") {
			bound = ""
		} else if (metric == "time" && part == "cold") {
			bound = "raw x 1.05"
			if (ours != "" && raw != "")
				judge(ours <= 1.05 * raw)
		} else if (metric == "time") {
			bound = "raw x 1.15"
			if (ours != "" && raw != "")
				judge(ours <= 1.15 * raw)
		} else if (part == "loopback" && metric == "rate") {
			bound = "stock x 0.95"
			if (ours != "" && stock != "")
				judge(ours >= 0.95 * stock)
		} else if (part == "memory" && k[2] ~ /^50-/) {
			bound = memory_max " MiB"
			if (ours != "")
				judge(ours <= memory_max)
		} else if (part == "memory") {
			bound = "stock + 64"
			if (ours != "" && stock != "")
				judge(ours <= stock + 64)
		} else if (part == "packet" || part == "files") {
			cipher = k[2]
			sub(/.*\//, "", cipher)
			if (metric == "cpu" && cipher in cpu_of) {
				bound = "stock x " cpu_of[cipher]
				if (ours != "" && stock != "")
					judge(ours <= cpu_of[cipher] * stock)
			} else if (metric == "rate" && cipher in rate_of) {
				bound = "stock x " rate_of[cipher]
				if (ours != "" && stock != "")
					judge(ours >= rate_of[cipher] * stock)
			}
		} else if (part == "tree") {
			if (metric == "cpu" && k[2] == "scp") {
				bound = "stock x 1"
				if (ours != "" && stock != "")
					judge(ours <= stock)
			}
		} else if (part == "many") {
			if (metric == "slowest") {
				bound = "mean x 0.5"
				if (ours != "")
					judge(ours >= 0.5)
			} else if (metric == "cpu") {
				bound = "stock x 1.05"
				if (ours != "" && stock != "")
					judge(ours <= 1.05 * stock)
			} else if (metric == "client" || metric == "server") {
				bound = k[2] == "flood" ? "stock + 64" : \
				    "stock x 1.05"
				if (ours != "" && stock != "")
					judge(ours <= (k[2] == "flood" ? \
					    stock + 64 : 1.05 * stock))
			}
		} else if (part == "idle") {
			if (k[2] == "echo" && metric == "p99") {
				bound = "stock x 1.1 + 0.1"
				if (ours != "" && stock != "")
					judge(ours <= 1.1 * stock + 0.1)
			} else if (k[2] == "many" && metric == "cpu") {
				bound = "stock x 1.05 + 5"
				if (ours != "" && stock != "")
					judge(ours <= 1.05 * stock + 5)
			} else if (k[2] == "setup" || metric == "pss") {
				bound = "stock x 1.05"
				if (ours != "" && stock != "")
					judge(ours <= 1.05 * stock)
			}
		} else if (part == "echo" && k[3] != "idle" &&
		    (metric == "p50" || metric == "p99")) {
			bound = "stock + RTT"
			if (ours != "" && stock != "")
				judge(ours <= stock + k[4])
		} else if (metric != "cpu" && part != "echo")
			continue
		if (bound != "" && verdict == "")
			verdict = "failed"
		print k[1], k[2], k[3], k[4], metric, k[6], short(ours),
		    short(stock), short(raw), ratio(ours, raw),
		    ratio(ours, stock), bound, verdict
		if (part == "packet" && metric == "cpu" && k[2] in floor_of) {
			verdict = "failed"
			if (ours != "" && raw != "")
				judge(ours <= floor_of[k[2]] * raw)
			print k[1], k[2], k[3], k[4], "floor", k[6],
			    short(ours), short(stock), short(raw),
			    ratio(ours, raw), ratio(ours, stock),
			    "floor x " floor_of[k[2]], verdict
		}
	}
}
