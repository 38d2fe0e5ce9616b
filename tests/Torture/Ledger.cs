using System.Collections.Concurrent;

namespace Skylight.Torture;

/// <summary>An instance that was sent, with what must come back. One actor at a time changes what is expected of it.</summary>
internal sealed record Sent(string Study, string Series, string Instance, byte[] Sha256)
{
    /// <summary>The host has said that it is stored.</summary>
    public bool Acknowledged { get; set; }

    /// <summary>The host has said that it is deleted or erased.</summary>
    public bool Gone { get; set; }

    /// <summary>A change was asked for, and no answer has come: both states are right.</summary>
    public bool Doubtful { get; set; }

    public bool MustBeThere => Acknowledged && !Gone && !Doubtful;

    public bool MustBeAbsent => Gone && !Doubtful;
}

/// <summary>An upload that the host has taken as complete: all of it must be stored in the end.</summary>
internal sealed record Upload(string Id, IReadOnlyList<Sent> Instances);

/// <summary>The erasure of a study or of one instance that the host has taken on: it must be carried out in the end.</summary>
/// <param name="Study">The whole study, which must leave nothing; null when only an instance goes.</param>
internal sealed record Destruction(string Id, string? Study, IReadOnlyList<Sent> Instances);

/// <summary>What has been sent to one data folder, and what of it the host has promised.</summary>
/// <param name="name">Part of every UID and patient id: no two folders share one.</param>
internal sealed class Ledger(string name)
{
    private const int InstancesPerStudy = 40;
    private readonly ConcurrentDictionary<string, Sent> _free = new(StringComparer.Ordinal);
    private int _next;
    private int _acknowledged;

    public ConcurrentDictionary<string, Sent> Instances { get; } = new(StringComparer.Ordinal);

    /// <summary>Uploads that were completed and have not been seen to be stored yet.</summary>
    public ConcurrentDictionary<string, Upload> Uploads { get; } = new(StringComparer.Ordinal);

    /// <summary>STOW-RS requests that the host has answered, by study.</summary>
    public ConcurrentDictionary<string, int> Answered { get; } = new(StringComparer.Ordinal);

    /// <summary>Erasures that were taken on and have not been seen to be done yet.</summary>
    public ConcurrentDictionary<string, Destruction> Erasures { get; } = new(StringComparer.Ordinal);

    /// <summary>Studies whose erasure the host has said to be done.</summary>
    public ConcurrentBag<string> Erased { get; } = [];

    public int Acknowledged => Volatile.Read(ref _acknowledged);

    public IEnumerable<string> Studies => Instances.Values.Select(sent => sent.Study).Distinct(StringComparer.Ordinal);

    /// <summary>Makes the next instance of the stream of studies.</summary>
    public async Task<(Sent Sent, byte[] File)> MakeAsync(Random random)
    {
        var number = Interlocked.Increment(ref _next);
        return await MakeAsync($"2.999.{name}.{1 + (number / InstancesPerStudy)}", $"T{name}", number, random);
    }

    /// <summary>Makes the first instances of a study of a patient of its own: one that is erased as a whole.</summary>
    public async Task<IReadOnlyList<(Sent Sent, byte[] File)>> MakeStudyAsync(Random random)
    {
        var number = Interlocked.Increment(ref _next);
        var made = new List<(Sent, byte[])> { await MakeAsync($"2.999.{name}.0.{number}", $"E{name}.{number}", number, random) };
        while (random.Next(2) == 0) made.Add(await MakeAsync(made[0].Item1.Study, $"E{name}.{number}", Interlocked.Increment(ref _next), random));
        return made;
    }

    /// <summary>The host has answered that this instance is stored.</summary>
    /// <param name="reserve">Whoever calls goes on with it; otherwise <see cref="Claim"/> may hand it out.</param>
    public void Acknowledge(string instance, bool reserve = false)
    {
        var sent = Instances[instance];
        if (sent.Acknowledged) return;
        sent.Acknowledged = true;
        Interlocked.Increment(ref _acknowledged);
        if (!reserve) _free[instance] = sent;
    }

    /// <summary>Hands out an instance that is stored, to be changed by one actor; null when there is none.</summary>
    public Sent? Claim(Random random)
    {
        var candidates = _free.Values.ToArray();
        if (candidates.Length == 0) return null;
        var chosen = candidates[random.Next(candidates.Length)];
        return _free.TryRemove(chosen.Instance, out _) ? chosen : null;
    }

    /// <summary>The erasure is done: nothing of it may ever come back.</summary>
    public void Destroyed(Destruction erasure)
    {
        foreach (var sent in erasure.Instances) (sent.Gone, sent.Doubtful) = (true, false);
        if (erasure.Study is { } study) Erased.Add(study);
        Erasures.TryRemove(erasure.Id, out _);
    }

    /// <summary>What is expected at this moment, while nobody sends.</summary>
    public Ledger Copy()
    {
        var copy = new Ledger(name);
        foreach (var sent in Instances.Values) copy.Instances[sent.Instance] = sent with { };
        foreach (var study in Erased) copy.Erased.Add(study);
        foreach (var (study, requests) in Answered) copy.Answered[study] = requests;
        return copy;
    }

    private async Task<(Sent Sent, byte[] File)> MakeAsync(string study, string patient, int number, Random random)
    {
        var series = $"{study}.{1 + (number % 2)}";
        var (file, digest) = await TortureImage.MakeAsync(study, series, $"{series}.{number}", patient, number, random);
        var sent = new Sent(study, series, $"{series}.{number}", digest);
        Instances[sent.Instance] = sent;
        return (sent, file);
    }
}
