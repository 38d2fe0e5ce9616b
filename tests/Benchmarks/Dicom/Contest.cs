namespace Skylight.Benchmarks.Dicom;

/// <summary>One round of one contestant.</summary>
/// <param name="Seconds">Wall clock of the work alone: a peer's process has started, its list is read.</param>
/// <param name="Cpu">CPU seconds of the whole process during the work, its compiler and collector threads included.</param>
/// <param name="Elements">What was found, to see that all did the same work.</param>
/// <param name="Bytes">Text or pixels that came out.</param>
/// <param name="Allocated">Managed bytes allocated; 0 for others.</param>
internal sealed record Sample(double Seconds, double Cpu, long Elements, long Bytes, long Allocated = 0);

/// <summary>A reader at work. Null: it is not installed here, and is left out.</summary>
internal sealed record Contestant(string Name, Func<Sample?> Run);

/// <summary>One kind of work, done by us (the first contestant) and by others.</summary>
/// <param name="Name">As the table shows it.</param>
/// <param name="Items">Files or frames in a round.</param>
/// <param name="Unit">What <see cref="Sample.Bytes"/> is, for a column of throughput ("JSON MB"); null for none.</param>
internal sealed record Contest(string Name, int Items, string? Unit, IReadOnlyList<Contestant> Contestants);

/// <summary>Medians of a contestant over its rounds.</summary>
internal sealed record Standing(string Contest, string Name, double ItemsPerSecond, double BestItemsPerSecond, double CpuMicroseconds, double? MegabytesPerSecond, string? Unit, long AllocatedPerItem, double ElementsPerItem);

/// <summary>How many times the first contestant's work another one's takes: median over the rounds of the ratio within a round.</summary>
internal sealed record Ratio(string Contest, string Against, double PerCpuSecond, double PerSecond, string? Note = null);

/// <summary>Runs contests round by round, every contestant in turn within a round (A B C A B C …), so that what the machine does beside falls on all.</summary>
internal static class ContestRunner
{
    public static (List<Standing> Standings, List<Ratio> Ratios) Run(IReadOnlyList<Contest> contests, int rounds)
    {
        var samples = contests.SelectMany(c => c.Contestants).ToDictionary(c => c, _ => new List<Sample>());
        for (var round = -1; round < rounds; round++)
        {
            foreach (var contestant in contests.SelectMany(c => c.Contestants))
            {
                // What is not installed fails in the first round and is not asked again.
                if (round > 0 && samples[contestant].Count == 0) continue;
                if (contestant.Run() is { } sample && round >= 0) samples[contestant].Add(sample);
            }
        }

        var standings = new List<Standing>();
        var ratios = new List<Ratio>();
        foreach (var contest in contests)
        {
            var present = contest.Contestants.Where(c => samples[c].Count > 0).ToList();
            standings.AddRange(present.Select(c => Stand(contest, c.Name, samples[c])));
            foreach (var other in present.Skip(1).Where(_ => present[0] == contest.Contestants[0]))
            {
                var pairs = samples[present[0]].Zip(samples[other]).ToList();
                ratios.Add(new Ratio(contest.Name, other.Name, Median(pairs.Select(p => p.Second.Cpu / p.First.Cpu)), Median(pairs.Select(p => p.Second.Seconds / p.First.Seconds))));
            }
        }

        return (standings, ratios);
    }

    private static Standing Stand(Contest contest, string name, List<Sample> samples) => new(
        contest.Name,
        name,
        Median(samples.Select(s => contest.Items / s.Seconds)),
        samples.Max(s => contest.Items / s.Seconds),
        Median(samples.Select(s => s.Cpu * 1e6 / contest.Items)),
        contest.Unit is null ? null : Median(samples.Select(s => s.Bytes / s.Seconds / 1e6)),
        contest.Unit,
        samples[^1].Allocated / contest.Items,
        (double)samples[^1].Elements / contest.Items);

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return sorted[sorted.Count / 2];
    }
}
