using System.Text.Encodings.Web;
using System.Text.Json;

namespace Skylight.Cli.Query;

/// <summary>JSON on standard output: camelCase, Chinese as it is.</summary>
internal static class Output
{
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, WriteIndented = true };
}
