namespace Skylight.Torture;

/// <summary>Instances that were found to be wrong, each counted once, whoever finds it.</summary>
internal sealed class Findings
{
    private readonly HashSet<string> _lost = new(StringComparer.Ordinal);
    private readonly HashSet<string> _partial = new(StringComparer.Ordinal);
    private readonly Lock _lock = new();

    /// <summary>Acknowledged and not there, or not as it was sent.</summary>
    public int Lost => _lost.Count;

    /// <summary>Visible and not as it was sent, or visible although it was deleted or erased.</summary>
    public int Partial => _partial.Count;

    /// <summary>An instance was looked for. Answers what is wrong; null when nothing is.</summary>
    public string? Listed(Sent sent, bool there)
    {
        lock (_lock)
        {
            if (sent.MustBeThere && !there) return _lost.Add(sent.Instance) ? $"lost {sent.Instance}" : null;
            return sent.MustBeAbsent && there && _partial.Add(sent.Instance) ? $"back again {sent.Instance}" : null;
        }
    }

    /// <summary>An instance is visible and is not what was sent.</summary>
    public string NotWhole(string instance, Sent? sent)
    {
        lock (_lock)
        {
            if (sent is { MustBeThere: true }) _lost.Add(instance);
            _partial.Add(instance);
            return $"not whole {instance}";
        }
    }
}
