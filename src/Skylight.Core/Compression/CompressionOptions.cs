using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Compression;

/// <summary>Settings of compression at rest, section <c>Skylight:Compression</c>. What is compressed is each institution's policy (<see cref="CompressionPolicy"/>).</summary>
public sealed class CompressionOptions
{
    public const string Section = "Skylight:Compression";

    /// <summary>Stored bytes of a series that are rewritten at a time: some ten seconds' work, and what a host that dies has to do again. Default 128 MiB, at least 4 KiB.</summary>
    [Range(typeof(long), "4096", "1099511627776")]
    public long PieceBytes { get; set; } = 128L << 20;
}

[OptionsValidator]
internal sealed partial class CompressionOptionsValidator : IValidateOptions<CompressionOptions>;
