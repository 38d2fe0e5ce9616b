using System.Security.Cryptography;
using System.Text;

namespace Skylight.Dicom.Tests.Corpus;

public sealed class CorpusSplitTests
{
    [Theory]
    [MemberData(nameof(CorpusFiles.All), MemberType = typeof(CorpusFiles))]
    public void Append_AnySplit_GivesTheSameEvents(string name)
    {
        var bytes = CorpusFiles.Bytes(name);
        if (bytes.Length > 40_000) bytes = bytes[..40_000];
        var whole = Events(bytes, [bytes.Length]);
        Assert.Equal(whole, Events(bytes, Repeat(1)));
        Assert.Equal(whole, Events(bytes, Repeat(7)));
        Assert.Equal(whole, Events(bytes, Repeat(4096)));
        var random = new Random(name.Length);
        Assert.Equal(whole, Events(bytes, Enumerable.Range(0, int.MaxValue).Select(_ => random.Next(0, 300))));
    }

    private static IEnumerable<int> Repeat(int size) => Enumerable.Repeat(size, int.MaxValue);

    private static string Events(byte[] bytes, IEnumerable<int> sizes)
    {
        var recorder = new Recorder();
        using var reader = new DicomReader(recorder, new ReadOptions { AllowTruncated = true });
        var at = 0;
        foreach (var size in sizes)
        {
            if (at == bytes.Length) break;
            var n = Math.Min(size, bytes.Length - at);
            Assert.Equal(n, reader.Append(bytes.AsSpan(at, n)));
            at += n;
        }

        reader.Complete();
        return recorder.ToString();
    }

    /// <summary>Writes every event down; chunks of one value count as one.</summary>
    private sealed class Recorder : DicomEvents
    {
        private readonly StringBuilder _log = new();
        private IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public override void OnSyntax(TransferSyntax syntax, long datasetPosition) => _log.AppendLine($"syntax {syntax} {datasetPosition}");

        public override ValueHandling OnElement(in ElementHeader e)
        {
            _log.AppendLine(e.ToString());
            return e.Tag.Element % 3 == 0 || e.Length > 1000 ? ValueHandling.Stream : e.Tag.Element % 7 == 1 ? ValueHandling.Skip : ValueHandling.Whole;
        }

        public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value) => _log.AppendLine($"value {e.Tag} {Convert.ToHexString(value)}");

        public override void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override void OnValueEnd(in ElementHeader e) => _log.AppendLine($"end {e.Tag} {Convert.ToHexString(_hash.GetHashAndReset())}");

        public override void OnSequenceStart(in ElementHeader e) => _log.AppendLine($"sequence {e.Tag}");

        public override void OnItemStart(long position, uint length) => _log.AppendLine($"item {position} {length}");

        public override void OnItemEnd() => _log.AppendLine("item end");

        public override void OnSequenceEnd() => _log.AppendLine("sequence end");

        public override void OnFragmentsStart(in ElementHeader e) => _log.AppendLine($"fragments {e.Tag}");

        public override void OnFragment(int index, long position, uint length) => _log.AppendLine($"fragment {index} {position} {length}");

        public override void OnFragmentChunk(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

        public override void OnFragmentEnd() => _log.AppendLine($"fragment end {Convert.ToHexString(_hash.GetHashAndReset())}");

        public override void OnFragmentsEnd() => _log.AppendLine("fragments end");

        public override void OnFinding(Finding finding) => _log.AppendLine($"finding {finding.Code} {finding.Path} {finding.Position}");

        public override void OnComplete() => _log.AppendLine("complete");

        public override string ToString() => _log.ToString();
    }
}
