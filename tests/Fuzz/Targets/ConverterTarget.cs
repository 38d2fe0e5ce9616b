using System.Buffers;
using System.IO.Pipelines;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>The converter to Explicit VR: its output is a readable file with the same dataset digest.</summary>
public sealed class ConverterTarget : DicomTarget
{
    public override string Name => "convert";

    public override long Run(byte[] input, Random random)
    {
        using var output = new MemoryStream();
        var source = PipeReader.Create(new ReadOnlySequence<byte>(input));
        var target = PipeWriter.Create(output, new StreamPipeWriterOptions(leaveOpen: true));
        var syntax = ExplicitVrConverter.ConvertAsync(source, target, null, CancellationToken.None).GetAwaiter().GetResult();
        target.Complete();
        FuzzFailure.Unless(output.Length > 132, "nothing was written");
        if (!Comparable(input, out var before)) return Behaviour.Add(Behaviour.Start, syntax.Uid);
        var after = DicomFile.Read(output.GetBuffer().AsSpan(0, (int)output.Length), new ReadOptions { AllowTruncated = true });
        FuzzFailure.Unless(CanonicalDigest.Of(after.Dataset).AsSpan().SequenceEqual(CanonicalDigest.Of(before)), $"the converted dataset is another: {Compare.First(before, after.Dataset)}");
        return Behaviour.Add(Behaviour.Start, syntax.Uid + after.Findings.Count);
    }

    /// <summary>Files without faults that conversion mends or that make the reading a matter of judgement.</summary>
    private static bool Comparable(byte[] input, out DicomDataset dataset)
    {
        var file = DicomFile.Read(input, new ReadOptions { AllowTruncated = true, MaxDatasetBytes = 1 << 20 });
        dataset = file.Dataset;
        return dataset.Count > 0 && !file.Findings.Any(f => f.Code is not (FindingCodes.PreambleContent or FindingCodes.MissingPreamble or FindingCodes.MetaGroupLength or FindingCodes.ZlibHeader or FindingCodes.UnknownSyntax));
    }
}
