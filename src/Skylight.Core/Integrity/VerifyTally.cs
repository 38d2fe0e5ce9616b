using System.Globalization;

namespace Skylight.Core.Integrity;

/// <summary>Counts and findings of a verification as it goes on. Not for concurrent use.</summary>
public sealed class VerifyTally
{
    private readonly List<VerifyFinding> _findings = [];

    public long Studies { get; internal set; }

    public long Instances { get; internal set; }

    /// <summary>Objects looked at.</summary>
    public long Objects { get; internal set; }

    /// <summary>Plaintext bytes read and authenticated.</summary>
    public long Bytes { get; internal set; }

    /// <summary>Archived packs that could not be read; their length was compared.</summary>
    public long NotRead { get; internal set; }

    /// <summary>Their plaintext bytes.</summary>
    public long NotReadBytes { get; internal set; }

    public long Errors { get; private set; }

    public long Notes { get; private set; }

    /// <summary>The first <see cref="VerifyReport.MaxFindings"/>, errors before notes once it is full.</summary>
    public IReadOnlyList<VerifyFinding> Findings => _findings;

    /// <summary>The note for what could not be read of an institution.</summary>
    internal static VerifyFinding NotReadNote(string institution, long packs, long bytes) =>
        new(VerifyCode.ArchivedNotRead, false, institution, null, null, string.Create(CultureInfo.InvariantCulture, $"{packs} packs, {bytes} bytes"));

    internal void Add(VerifyFinding finding)
    {
        if (finding.IsError) Errors++;
        else Notes++;
        if (_findings.Count < VerifyReport.MaxFindings)
        {
            _findings.Add(finding);
            return;
        }

        // An error is worth more than a note.
        if (finding.IsError && _findings.FindLastIndex(item => !item.IsError) is var note and >= 0) _findings[note] = finding;
    }

    internal void Add(VerifyTally other)
    {
        Studies += other.Studies;
        Instances += other.Instances;
        Objects += other.Objects;
        Bytes += other.Bytes;
        NotRead += other.NotRead;
        NotReadBytes += other.NotReadBytes;
        foreach (var finding in other._findings) Add(finding);
        Errors += other.Errors - other._findings.Count(finding => finding.IsError);
        Notes += other.Notes - other._findings.Count(finding => !finding.IsError);
    }
}
