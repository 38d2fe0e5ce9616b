using System.Security.Cryptography;
using System.Text;
using Skylight.Dicom;

namespace Skylight.Fuzz.Targets;

/// <summary>The push reader: any cut of the bytes gives the same events, and the same refusal at the same place; the number of events is bounded by the bytes.</summary>
public sealed class ReaderTarget : DicomTarget
{
    public override string Name => "reader";

    public override long Run(byte[] input, Random random)
    {
        var options = Options(random);
        var chooser = random.Next();
        var whole = Log.Of(input, options, chooser, null);
        FuzzFailure.Unless(whole.Steps <= 64 + (4L * Math.Max(input.Length, whole.Bytes)), $"{whole.Steps} events for {input.Length} bytes");
        var pieces = Log.Of(input, options, chooser, random);
        FuzzFailure.Unless(whole.Digest == pieces.Digest, $"another cut of the bytes gives other events: {whole.Difference(pieces)}");
        return whole.Kind;
    }

    /// <summary>Events as a digest: everything for comparison, and what kinds there were.</summary>
    private sealed class Log(int chooser) : DicomEvents, IDisposable
    {
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        private readonly List<string> _lines = [];
        private string _last = "";

        public long Steps { get; private set; }

        public long Bytes { get; private set; }

        public long Kind { get; private set; } = Behaviour.Start;

        public string Digest { get; private set; } = "";

        public static Log Of(byte[] input, ReadOptions options, int chooser, Random? cuts)
        {
            using var log = new Log(chooser);
            using var reader = new DicomReader(log, options);
            try
            {
                var most = cuts is null ? input.Length : 1 << cuts.Next(12);
                for (var at = 0; at < input.Length && !reader.IsStopped;)
                {
                    var n = Math.Min(cuts is null ? most : cuts.Next(1, most + 1), input.Length - at);
                    reader.Append(input.AsSpan(at, n));
                    at += n;
                }

                reader.Complete();
            }
            catch (DicomFormatException e)
            {
                log.Event($"refused {e.Code} {e.Position} {e.Path}", e.Code);
            }

            log.Event($"end {reader.Syntax?.Uid} {reader.DatasetPosition} {reader.StoppedAt}", "end");
            log.Digest = Convert.ToHexString(log._hash.GetHashAndReset());
            return log;
        }

        /// <summary>The first event that is not the same.</summary>
        public string Difference(Log other)
        {
            var (a, b) = (_lines, other._lines);
            var i = 0;
            while (i < a.Count && i < b.Count && a[i] == b[i]) i++;
            return $"'{(i < a.Count ? a[i] : i < b.Count ? "nothing" : "the same, with other values")}' whole, '{(i < b.Count ? b[i] : "nothing")}' in pieces";
        }

        public override void OnSyntax(TransferSyntax syntax, long datasetPosition) => Event($"syntax {syntax.Uid} {datasetPosition}", "syntax");

        public override ValueHandling OnElement(in ElementHeader e)
        {
            Event($"element {e.Tag.Value:X8} {e.Vr} {e.DeclaredVr} {e.Length} {e.Position} {e.ValuePosition} {e.Depth} {e.IsMeta}", $"{e.Vr}{Math.Min(e.Depth, 3)}");
            // The same answer for the same element, however the bytes came.
            return ((uint)(e.Position * 31 + chooser) % 16) switch { 0 => ValueHandling.Skip, < 4 => ValueHandling.Stream, _ => ValueHandling.Whole };
        }

        public override void OnValue(in ElementHeader e, ReadOnlySpan<byte> value) => Value("value", value);

        public override void OnChunk(in ElementHeader e, ReadOnlySpan<byte> bytes) => Chunk(bytes);

        public override void OnValueEnd(in ElementHeader e) => Event("value end", "");

        public override void OnSequenceStart(in ElementHeader e) => Event("sequence", "sequence");

        public override void OnItemStart(long position, uint length) => Event($"item {position} {length}", "item");

        public override void OnItemEnd() => Event("item end", "");

        public override void OnSequenceEnd() => Event("sequence end", "");

        public override void OnFragmentsStart(in ElementHeader e) => Event("fragments", "fragments");

        public override void OnFragment(int index, long position, uint length) => Event($"fragment {index} {position} {length}", "fragment");

        public override void OnFragmentChunk(ReadOnlySpan<byte> bytes) => Chunk(bytes);

        public override void OnFragmentEnd() => Event("fragment end", "");

        public override void OnFragmentsEnd() => Event("fragments end", "");

        public override void OnFinding(Finding finding) => Event($"finding {finding.Code} {finding.Path} {finding.Position} {finding.Detail}", finding.Code);

        public override void OnComplete() => Event("complete", "complete");

        public void Dispose() => _hash.Dispose();

        private void Event(string text, string kind)
        {
            Steps++;
            if (_lines.Count < 10_000) _lines.Add(text);
            _hash.AppendData(Encoding.UTF8.GetBytes(text + "\n"));
            if (kind.Length == 0 || kind == _last) return;
            _last = kind;
            Kind = Behaviour.Add(Kind, kind);
        }

        private void Value(string text, ReadOnlySpan<byte> value)
        {
            Event(text, "");
            Bytes += value.Length;
            _hash.AppendData(value);
        }

        /// <summary>Where a value is cut into chunks is the one thing that may differ.</summary>
        private void Chunk(ReadOnlySpan<byte> bytes)
        {
            Bytes += bytes.Length;
            _hash.AppendData(bytes);
        }
    }
}
