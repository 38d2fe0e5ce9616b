using Skylight.Dicom;

namespace Skylight.Cli.Demo;

/// <summary>One invented study.</summary>
internal abstract class DemoStudy
{
    /// <summary>Name of its folder.</summary>
    public abstract string Name { get; }

    /// <summary>Its instances; nothing is computed before a file's dataset is asked for, from any thread.</summary>
    public abstract IEnumerable<DemoFile> Files();

    /// <param name="scale">1 for the full sizes; smaller makes fewer and smaller images.</param>
    public static IReadOnlyList<DemoStudy> All(ulong seed, double scale) =>
        [new ChestCt(seed, scale), new HeadMr(seed, scale), new ChestRadiograph(seed, scale), new EnhancedChestCt(seed, scale)];
}

/// <param name="Path">Below the study's folder.</param>
internal sealed record DemoFile(string Path, Func<DicomDataset> Dataset);
