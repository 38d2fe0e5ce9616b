using System.Text;
using Skylight.Core.Retrieve;

namespace Skylight.Fuzz.Targets;

/// <summary>Multipart bodies: any cut of the bytes gives the same parts, or the same refusal.</summary>
public sealed class MultipartTarget : FuzzTarget
{
    public override string Name => "multipart";

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        Encoding.ASCII.GetBytes("--b\r\nContent-Type: application/dicom\r\n\r\nDICM\r\n--b\r\nContent-Type: application/dicom+json\r\nContent-Location: x\r\n\r\n{}\r\n--b--\r\n"),
        Encoding.ASCII.GetBytes("preamble\r\n--b \t\r\n\r\n\r\n--b\r\nA: b\r\n\r\nx\r\n-\r\n--\r\n--bb\r\n--b--epilogue"),
    ];

    public override IReadOnlyList<byte[]> Tokens { get; } = [.. ((string[])["\r\n--b", "\r\n--b--", "--b\r\n", "\r\n", "\r", "\n", "--", "Content-Type:", ":", "Content-Transfer-Encoding: base64\r\n", "\r\n\r\n"]).Select(Encoding.ASCII.GetBytes)];

    public override bool Expects(Exception error) => error is MultipartFormatException;

    /// <summary>Header names and values are kept as text, and every read is a task.</summary>
    public override long AllocationBudget(int length) => (1 << 20) + (2000L * length);

    public override long Run(byte[] input, Random random)
    {
        var whole = Read(new Pieces(input, null));
        FuzzFailure.Unless(whole == Read(new Pieces(input, random)), "another cut of the bytes gives other parts");
        return Behaviour.Add(Behaviour.Start, new string([.. whole.Where(c => !char.IsAsciiDigit(c)).Take(60)]));
    }

    private static string Read(Stream body)
    {
        var log = new StringBuilder();
        using var reader = new MultipartReader(body, "b", new MultipartLimits { MaxParts = 20, MaxPreambleBytes = 200, MaxHeaderBytes = 500, MaxHeaders = 5 });
        try
        {
            while (reader.ReadPartAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult() is { } part)
            {
                using var content = new MemoryStream();
                // Sometimes the rest of a part is left to the reader.
                if (part.Number % 3 != 0) part.Content.CopyToAsync(content).GetAwaiter().GetResult();
                log.Append(part.Number).Append(' ').AppendJoin(',', part.Headers.Select(h => h.Key + "=" + h.Value)).Append(' ').AppendLine(Convert.ToHexString(content.GetBuffer().AsSpan(0, (int)content.Length)));
            }
        }
        catch (MultipartFormatException e)
        {
            log.Append(e.Code);
        }

        return log.ToString();
    }

    private sealed class Pieces(byte[] bytes, Random? cuts) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(cuts is null ? buffer : buffer[..Math.Min(buffer.Length, cuts.Next(1, 20))], cancellationToken);
    }
}
