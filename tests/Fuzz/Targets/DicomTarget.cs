using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>What the targets that take DICOM files have in common.</summary>
public abstract class DicomTarget : FuzzTarget
{
    /// <summary>Small limits, so that reaching them costs little.</summary>
    protected static ReadOptions Options(Random random) => new()
    {
        AllowTruncated = random.Next(2) == 0,
        ResolveUnknown = random.Next(4) != 0,
        AllowMissingMeta = random.Next(8) != 0,
        StopBeforePixelData = random.Next(4) == 0,
        MaxDatasetBytes = 1 << 20,
        MaxWholeValueBytes = 1 << 20,
        MaxInflatedBytes = 1 << 22,
        MaxInlineBytes = random.Next(4) == 0 ? 16 : long.MaxValue,
    };

    public override IReadOnlyList<byte[]> Seeds => DicomSeeds.Files;

    public override IReadOnlyList<byte[]> Tokens => DicomMutator.Tokens;

    public override bool Expects(Exception error) => error is DicomFormatException;

    public override byte[]? Mutate(byte[] input, Random random) => DicomMutator.Mutate(input, random);

    /// <summary>Deflated input can grow a thousandfold, up to the limits above.</summary>
    public override long AllocationBudget(int length) => (24 << 20) + (400L * length);

    protected static long Add(long digest, IEnumerable<Finding> findings)
    {
        foreach (var code in findings.Select(f => f.Code).Distinct()) digest = Behaviour.Add(digest, code);
        return digest;
    }
}
