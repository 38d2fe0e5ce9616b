using System.Buffers;
using System.Text;
using Skylight.Core.Retrieve;

namespace Skylight.Core.Tests.Retrieve;

public sealed class MetadataRewriterTests
{
    private const string First = """{"00080018":{"vr":"UI","Value":["1"]},"7FE00010":{"vr":"OW","BulkDataURI":"bulk/100-200"}}""";
    private const string Second = """{"00100010":{"vr":"PN","Value":[{"Alphabetic":"\"BulkDataURI\":\"bulk/1-2\"}{"}]},"00400275":{"vr":"SQ","Value":[{"0008114A":{"vr":"OB","BulkDataURI":"bulk/7-8"}},{}]}}""";

    [Fact]
    public void Advance_Documents_GetAddressesBelowTheirInstance()
    {
        var output = Rewrite([First, Second], uid => "https://h/i/" + uid);
        Assert.Equal(
            First.Replace("bulk/100-200", "https://h/i/A/bulkdata/100-200", StringComparison.Ordinal) + "," +
            Second.Replace("bulk/7-8", "https://h/i/B/bulkdata/7-8", StringComparison.Ordinal),
            output);
    }

    [Fact]
    public void Advance_NoBase_LeavesBulkOut()
    {
        var output = Rewrite([First, Second], uid => uid == "A" ? null : "x");
        Assert.StartsWith("""{"00080018":{"vr":"UI","Value":["1"]},"7FE00010":{"vr":"OW"}},""", output, StringComparison.Ordinal);
        Assert.Contains("\"x/bulkdata/7-8\"", output, StringComparison.Ordinal);
    }

    private static string Rewrite(string[] documents, Func<string, string?> bulkBase)
    {
        var output = new ArrayBufferWriter<byte>();
        using var rewriter = new MetadataRewriter(output, bulkBase);
        rewriter.Announce("A", Encoding.UTF8.GetByteCount(documents[0]));
        rewriter.Announce("B", Encoding.UTF8.GetByteCount(documents[1]));
        // As the archive writes: a whole block at once.
        var block = Encoding.UTF8.GetBytes(string.Join(',', documents));
        block.CopyTo(rewriter.GetSpan(block.Length));
        rewriter.Advance(block.Length);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }
}
