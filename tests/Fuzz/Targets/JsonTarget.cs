using System.IO.Pipelines;
using System.Text;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>DICOM JSON: what is read can be written, as JSON (stable from the second turn on) and as a file with the same elements.</summary>
public sealed class JsonTarget : FuzzTarget
{
    public override string Name => "json";

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. DicomSeeds.Files.Take(3).Select(f => DicomJson.ToUtf8(DicomFile.Read(f).Dataset)),
        """[{"00100010":{"vr":"PN","Value":[{"Alphabetic":"A^B","Ideographic":"王^力"},null]}},{"00280008":{"vr":"IS","Value":[1,"2"]},"00283006":{"vr":"US","Value":[1,65535]}}]"""u8.ToArray(),
        """{"7FE00010":{"vr":"OW","BulkDataURI":"https://x/1"},"00081032":{"vr":"SQ","Value":[{},{"00080100":{"vr":"SH","Value":["a\\b"]}}]},"00189004":{"vr":"CS"},"00091001":{"vr":"UV","Value":["18446744073709551615"]},"00091002":{"vr":"FD","Value":[1.5e300,"NaN"]},"00091003":{"vr":"AT","Value":["7FE00010"]},"00091004":{"vr":"OB","InlineBinary":"AAEC"}}"""u8.ToArray(),
    ];

    public override IReadOnlyList<byte[]> Tokens { get; } =
        [.. ((string[])["\"vr\"", "\"Value\"", "\"InlineBinary\"", "\"BulkDataURI\"", "\"Alphabetic\"", "\"SQ\"", "\"UN\"", "\"PN\"", "\"00080005\"", "null", "true", "[", "]", "{", "}", "{}", "1e999", "-0", "1E5", "9223372036854775808", "\"\\u0000\"", "\"\\uD800\"", "\"\\\\\"", ",", ":", "王"]).Select(Encoding.UTF8.GetBytes)];

    /// <summary>A pipe of small pieces has a buffer for each.</summary>
    public override long AllocationBudget(int length) => (4 << 20) + (4000L * length);

    public override bool Expects(Exception error) => error is DicomFormatException;

    public override long Run(byte[] input, Random random)
    {
        var piece = 1 << random.Next(10);
        IReadOnlyList<DicomDataset> datasets;
        try
        {
            datasets = DicomJson.ReadMany(input);
        }
        catch (DicomFormatException)
        {
            FuzzFailure.Unless(Stream(input, piece) is null, "in pieces it is accepted");
            throw;
        }

        FuzzFailure.Unless(Stream(input, piece) is { } streamed && streamed.Select(d => Convert.ToHexString(DicomJson.ToUtf8(d))).SequenceEqual(datasets.Select(d => Convert.ToHexString(DicomJson.ToUtf8(d)))), "in pieces it is another");
        var digest = Behaviour.Magnitude(Behaviour.Start, datasets.Count);
        foreach (var dataset in datasets)
        {
            foreach (var e in dataset) digest = Behaviour.Add(digest, e.Vr.Code);
            var once = DicomJson.ToUtf8(dataset);
            var twice = DicomJson.ToUtf8(DicomJson.Read(once));
            FuzzFailure.Unless(DicomJson.ToUtf8(DicomJson.Read(twice)).AsSpan().SequenceEqual(twice), "JSON is not stable after two turns");
            if (HasReferences(dataset)) continue;
            var file = DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.ExplicitLittle));
            if (dataset.Count > 0 && dataset[0].Tag.Group >= 8) FuzzFailure.Unless(DicomFile.Read(file).Dataset.Count == dataset.Count(e => e.Tag.Element != 0), "elements were lost in a file");
        }

        return digest;
    }

    /// <summary>The same through a pipe, a few bytes at a time; null when refused.</summary>
    private static List<DicomDataset>? Stream(byte[] input, int piece)
    {
        var datasets = new List<DicomDataset>();
        var pipe = PipeReader.Create(new MemoryStream(input), new StreamPipeReaderOptions(bufferSize: piece, minimumReadSize: 1));
        var each = DicomJsonStream.ReadAsync(pipe).GetAsyncEnumerator();
        try
        {
            while (each.MoveNextAsync().AsTask().GetAwaiter().GetResult()) datasets.Add(each.Current);
            return datasets;
        }
        catch (DicomFormatException)
        {
            return null;
        }
        finally
        {
            each.DisposeAsync().AsTask().GetAwaiter().GetResult();
            pipe.Complete();
        }
    }

    private static bool HasReferences(DicomDataset dataset) =>
        dataset.Any(e => e.BulkUri is not null || e.Sequence is { } s && s.Items.Any(HasReferences));
}
