using System.Reflection;
using Microsoft.Azure.Functions.Worker;

namespace Skylight.Edge.Tests.FunctionsApi;

/// <summary>
/// The declarations that stand in for the genuine Functions packages say nothing that the genuine ones do not, and leave out no member that a
/// class of ours would have to implement against them.
/// </summary>
public sealed class DeclarationsTests
{
    private static readonly Assembly Declarations = typeof(FunctionAttribute).Assembly;

    [Fact]
    public void Declarations_EveryMember_IsInTheGenuineApi()
    {
        var inventory = Inventory.Parse(File.ReadAllText(Path()));
        var wrong = new List<string>();
        // The inventory leaves out the core package, of which one exception is used.
        foreach (var type in Declarations.GetExportedTypes().Where(t => t.Namespace != "DurableTask.Core.Exceptions"))
        {
            if (!inventory.Types.TryGetValue(KeyOf(type), out var genuine)) wrong.Add($"{KeyOf(type)}: no such type");
            else wrong.AddRange(Declared.Members(type).Where(m => !Has(genuine, m)).Select(m => $"{KeyOf(type)}: {m}"));
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public void Declarations_OfTypesToImplement_LackNoAbstractMember()
    {
        var inventory = Inventory.Parse(File.ReadAllText(Path()));
        var missing = new List<string>();
        foreach (var type in Declarations.GetExportedTypes().Where(t => t.IsAbstract && !t.IsSealed))
        {
            if (!inventory.Types.TryGetValue(KeyOf(type), out var genuine)) continue;
            var ours = Declared.Members(type).ToHashSet(StringComparer.Ordinal);
            missing.AddRange(genuine.Members.Where(m => (type.IsInterface || m.StartsWith("abstract ", StringComparison.Ordinal)) && !ours.Contains(m)).Select(m => $"{KeyOf(type)}: {m}"));
        }

        Assert.True(missing.Count == 0, string.Join('\n', missing));
    }

    /// <summary>A property may have fewer accessors than the genuine one, never more.</summary>
    private static bool Has(InventoryType genuine, string member) =>
        genuine.Members.Contains(member)
        || (member.EndsWith("{ get; }", StringComparison.Ordinal) && (genuine.Members.Contains(member.Replace("get; }", "get; set; }", StringComparison.Ordinal)) || genuine.Members.Contains(member.Replace("get; }", "get; init; }", StringComparison.Ordinal))))
        || (genuine.Kind == "enum" && genuine.Members.Contains(member));

    private static string KeyOf(Type type)
    {
        var name = type.IsNested ? $"{type.DeclaringType!.Name}.{type.Name}" : type.Name;
        return $"{type.Namespace}.{name}";
    }

    private static string Path()
    {
        Assert.SkipWhen(Declarations.GetName().Name != "FunctionsApi", "This is the build with the genuine packages.");
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (!File.Exists(System.IO.Path.Combine(folder.FullName, "Serverless.sln"))) continue;
            var file = System.IO.Path.Combine(folder.Parent!.FullName, "shared", "design", "functions-api.md");
            Assert.SkipUnless(File.Exists(file), "The inventory of the genuine API (../shared/design/functions-api.md) is not on this machine.");
            return file;
        }

        Assert.Skip("The tests do not run from a source tree.");
        return "";
    }
}
