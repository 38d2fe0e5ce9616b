using Skylight.Fuzz.Targets;

namespace Skylight.Fuzz;

/// <summary>Every entry point that takes bytes from strangers.</summary>
public static class FuzzTargets
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new ReaderTarget(),
        new DatasetTarget(),
        new InspectorTarget(),
        new ConverterTarget(),
        new ValidatorTarget(),
        new DicomDirTarget(),
        new JsonTarget(),
        new CharacterSetTarget(),
        new FrameTableTarget(),
        new MultipartTarget(),
        new ZipTarget(),
        new SealedTarget(),
        new SeriesIndexTarget(),
        new SeriesMetadataTarget(),
        new CodedLayoutTarget(),
        new QidoTarget(),
        new MediaRangeTarget(),
    ];
}
