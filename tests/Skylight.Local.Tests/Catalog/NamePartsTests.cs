using Skylight.Core.Catalog;
using Skylight.Local.Catalog;

namespace Skylight.Local.Tests.Catalog;

public sealed class NamePartsTests
{
    [Theory]
    [InlineData("zhang^san", "zha san")]
    [InlineData("li ming", "li min")]
    [InlineData("张^三丰", "张 三 丰")]
    [InlineData("𠮷田", "𠮷 田")]
    [InlineData("王xiao", "王 xia")]
    [InlineData("", "")]
    public void Of_Form_IsItsCharactersAndWordBeginnings(string form, string parts) => Assert.Equal(parts, string.Join(' ', NameParts.Of(form)));

    [Theory]
    [InlineData("wang*", "wan")]
    [InlineData("wa*", "wa…")]
    [InlineData("w?ng", "w…")]
    [InlineData("wa^*", "wa")]
    [InlineData("wang^xi*", "wan xi…")]
    [InlineData("wang^xia*", "wan xia")]
    [InlineData("王*", "王")]
    [InlineData("*伟*", "伟")]
    [InlineData("*ming*", "")]
    [InlineData("*^ming", "min")]
    [InlineData("*a li*", "li…")]
    [InlineData("w?ng^ming", "w… min")]
    [InlineData("?", "")]
    public void OfPattern_IsWhatEveryMatchHas(string pattern, string parts) => Assert.Equal(parts, string.Join(' ', NameParts.OfPattern(pattern).Select(part => part.IsWhole ? part.Text : part.Text + "…")));

    [Fact]
    public void OfPattern_OfAnyPattern_IsAmongThePartsOfEveryNameItMatches()
    {
        string[] names = ["Li^Ming=李^明", "Wang^Xiao Ming=王^小明", "Zhang^San", "O'Brien^Mary", "欧阳^娜娜", "Al Farsi^Nur", "A^B"];
        var random = new Random(7);
        for (var round = 0; round < 20_000; round++)
        {
            var forms = TextMatching.NameForms(names[random.Next(names.Length)]);
            var pattern = forms[random.Next(forms.Count)].ToCharArray().Select(c => random.Next(4) switch { 0 => "*", 1 => "?", _ => c.ToString() });
            var text = TextMatching.Fold(string.Concat(pattern));
            if (!TextMatching.HasWildcard(text)) continue;
            foreach (var name in names)
            {
                var all = TextMatching.NameForms(name);
                if (!all.Any(form => TextMatching.Matches(form, text))) continue;
                var parts = all.SelectMany(NameParts.Of).ToHashSet();
                Assert.All(NameParts.OfPattern(text), part => Assert.True(part.IsWhole ? parts.Contains(part.Text) : parts.Any(known => known.StartsWith(part.Text, StringComparison.Ordinal))));
            }
        }
    }
}
