using System.Text.Encodings.Web;
using System.Text.Json;

namespace Skylight.Cli;

/// <summary>JSON as the commands print it: camelCase, Chinese unescaped.</summary>
internal static class JsonText
{
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
}
